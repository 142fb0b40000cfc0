import JOSE
import Testing

@testable import CLI

@Suite("Who authorised this?")
struct TraceScreenTests {
    @Test("a delegated token is traced to the user, through every hand, to its end")
    func delegated() throws {
        let text = TraceScreen(try #require(try JSON(parsing: Self.delegated).object)).text
        #expect(
            text == """
                Token j2 is REVOKED
                  for           https://orders.example
                  scope         orders:read
                  on behalf of  corp|alice (a user)
                  held by       worker/w1
                  task          planner/t1
                  issued        2026-11-21T08:00:01Z, for 300 s

                Who authorised it: alice of https://idp.example
                  delegation   dlg_1, revoked
                  to           planner
                  purpose      quarterly report
                  scopes       orders:read
                  resources    https://worker.example https://orders.example
                  may act too  worker
                  until        2026-12-21T07:00:00Z
                  recorded     2026-11-21T07:00:00Z by operator (record 4)

                Chain of custody
                  1. 2026-11-21T08:00:00Z  planner  exchanged for https://worker.example  [orders:read]
                     jti         j1
                     client      Planner, owner team-a, for plans
                     recorded    2026-11-20T07:00:00Z by operator (record 2)
                     reason      “page 1”
                     allowed by  dlg_1
                  2. 2026-11-21T08:00:01Z  worker/w1  exchanged for https://orders.example  [orders:read]
                     jti         j2
                     client      Worker, disabled
                     allowed by  dlg_1: covers it

                What ended it
                  2026-11-21T09:00:00Z  delegation.revoked  delegation/dlg_1  by operator “over”
                """)
    }

    @Test("a token that a client got for itself is traced to whoever registered the client")
    func own() throws {
        let text = TraceScreen(try #require(try JSON(parsing: Self.own).object)).text
        #expect(
            text == """
                Token j1 is ACTIVE
                  for           https://orders.example
                  scope         orders:read
                  on behalf of  planner (the client itself)
                  held by       planner
                  issued        2026-11-21T08:00:00Z, for 60 s

                Who authorised it: the operator who registered the client
                  client    Planner
                  recorded  2026-11-20T07:00:00Z by operator (record 2)

                Chain of custody
                  1. 2026-11-21T08:00:00Z  planner  issued for https://orders.example  [orders:read]
                     jti       j1
                     client    Planner
                     recorded  2026-11-20T07:00:00Z by operator (record 2)
                """)
    }

    @Test("what was allowed in detail is shown of the token, the delegation and every hand")
    func details() throws {
        let narrow = #""authorization_details":[{"type":"payment","amount":80},{"type":"file","path":"/\u202e"}],"#
        let trace = Self.delegated
            .replacing(#""token_ttl":300},"#, with: narrow + #""token_ttl":300},"#)
            .replacing(#""request_context":"page 1","#, with: narrow + #""request_context":"page 1","#)
            .replacing(#""may_act""#, with: #""authorization_details":[{"type":"payment","amount":120}],"may_act""#)
        let lines = TraceScreen(try #require(try JSON(parsing: trace).object)).text.split(separator: "\n")
        #expect(
            lines.filter { $0.contains(#"{"type""#) } == [
                #"  details       {"type":"payment","amount":80}"#,
                "                {\"type\":\"file\",\"path\":\"/\u{FFFD}\"}",
                #"  details      {"type":"payment","amount":120}"#,
                #"     details     {"type":"payment","amount":80}"#,
                "                 {\"type\":\"file\",\"path\":\"/\u{FFFD}\"}",
            ])
    }

    @Test("a trace with nothing in it is no reason to stop")
    func empty() {
        #expect(TraceScreen([:]).text.hasPrefix("Token - is UNKNOWN"))
    }

    @Test("what a client wrote does not steer the terminal")
    func hostile() throws {
        let hostile = Self.delegated.replacing("page 1", with: #"\u001b[2J\u202epage"#)
        let text = TraceScreen(try #require(try JSON(parsing: hostile).object)).text
        #expect(!text.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
    }

    private static let own = """
        {"jti":"j1","status":"active",
         "token":{"timestamp":"2026-11-21T08:00:00Z","event":"token.issued","client_id":"planner","jti":"j1",
           "resource":"https://orders.example","scope_granted":"orders:read","token_ttl":60},
         "chain":[{"timestamp":"2026-11-21T08:00:00Z","event":"token.issued","client_id":"planner","jti":"j1",
           "resource":"https://orders.example","scope_granted":"orders:read","token_ttl":60}],
         "delegation":null,
         "clients":[{"client_id":"planner","name":"Planner","owner":null,"purpose":null,
           "registered":{"seq":2,"timestamp":"2026-11-20T07:00:00Z","client_id":"operator"}}],
         "revocations":[]}
        """

    private static let delegated = """
        {"jti":"j2","status":"revoked",
         "token":{"seq":8,"timestamp":"2026-11-21T08:00:01Z","event":"token.exchanged","client_id":"worker",
           "agent_id":"worker/w1","delegating_user":"corp|alice","delegation_id":"dlg_1","task_id":"planner/t1",
           "jti":"j2","parent_jti":"j1","resource":"https://orders.example","scope_granted":"orders:read",
           "token_ttl":300},
         "chain":[
           {"seq":7,"timestamp":"2026-11-21T08:00:00Z","event":"token.exchanged","client_id":"planner","jti":"j1",
            "resource":"https://worker.example","scope_granted":"orders:read","request_context":"page 1",
            "policy_evaluation":{"verdict":"permit","rule":"dlg_1"}},
           {"seq":8,"timestamp":"2026-11-21T08:00:01Z","event":"token.exchanged","client_id":"worker",
            "agent_id":"worker/w1","jti":"j2","resource":"https://orders.example","scope_granted":"orders:read",
            "policy_evaluation":{"verdict":"permit","rule":"dlg_1","reason":"covers it"}}],
         "delegation":{"delegation_id":"dlg_1","subject":{"iss":"https://idp.example","sub":"alice"},
           "client_id":"planner","scopes":["orders:read"],
           "resources":["https://worker.example","https://orders.example"],"purpose":"quarterly report",
           "may_act":["worker"],"status":"revoked","expires_at":"2026-12-21T07:00:00Z",
           "created":{"seq":4,"timestamp":"2026-11-21T07:00:00Z","client_id":"operator"}},
         "clients":[
           {"client_id":"planner","name":"Planner","owner":"team-a","purpose":"plans","enabled":true,
            "registered":{"seq":2,"timestamp":"2026-11-20T07:00:00Z","client_id":"operator"}},
           {"client_id":"worker","name":"Worker","owner":null,"purpose":null,"enabled":false,"registered":null}],
         "revocations":[{"seq":9,"timestamp":"2026-11-21T09:00:00Z","event":"delegation.revoked",
           "target":"delegation/dlg_1","client_id":"operator","request_context":"over"}]}
        """
}
