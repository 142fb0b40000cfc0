import JOSE
import OAuth
import Support
import Testing

/// The hope: a service that was sent a token for something else lends the attacker its own rights (RFC 8693 section 5,
/// RFC 9700 section 4.10).
@Suite("Attack: confused deputy")
struct ConfusedDeputyTests {
    private func exchange(_ token: String, _ resource: ResourceURI, _ more: [(String, String)] = []) -> Form {
        Form(
            [
                ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", token),
                ("subject_token_type", TokenType.accessToken.rawValue), ("resource", resource.text),
            ] + more
        )
    }

    @Test("a worker that is handed a token for another service gets nothing for it")
    func notTheAudience() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(to: kit.planner)
        for token in [try await kit.token(kit.planner), try await kit.act(by: kit.planner)] {
            let answer = try await http.post("/token", exchange(token.accessToken, World.calendar), as: kit.worker)
            #expect(answer.status == 400)
            #expect(answer.json["error"] == "invalid_request")
        }
    }

    @Test("being granted the resource is not being the resource")
    func grantedIsNotBeing() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.token(kit.planner, for: World.orders)
        let answer = try await http.post("/token", exchange(token.accessToken, World.orders), as: kit.worker)
        #expect(answer.json["error"] == "invalid_request")
    }

    @Test("a user's token meant for a chat application does not become an agent's")
    func foreignAudience() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(to: kit.planner)
        let stolen = try kit.corp.token(audience: kit.issuer, claims: ["aud": "some-chat-app"])
        let form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", stolen),
            ("subject_token_type", TokenType.idToken.rawValue), ("resource", World.calendar.text),
        ])
        #expect(try await http.post("/token", form, as: kit.planner).json["error"] == "invalid_request")
    }

    @Test("one user's delegation does not serve another's agent")
    func othersDelegation() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let delegation = try await kit.delegate(to: kit.planner)
        let form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue),
            ("subject_token", try kit.corp.token(audience: kit.issuer)),
            ("subject_token_type", TokenType.idToken.rawValue), ("resource", World.calendar.text),
            ("delegation_id", delegation.id.text),
        ])
        #expect(try await http.post("/token", form, as: kit.worker).json["error"] == "invalid_request")
        #expect(try await http.post("/token", form, as: kit.planner).status == 200)
    }

    @Test("an actor token of somebody else does not make the attacker that somebody")
    func borrowedActor() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(to: kit.planner)
        let victim = try await kit.token(kit.planner).accessToken
        let form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue),
            ("subject_token", try kit.corp.token(audience: kit.issuer)),
            ("subject_token_type", TokenType.idToken.rawValue), ("actor_token", victim),
            ("actor_token_type", TokenType.accessToken.rawValue), ("resource", World.calendar.text),
        ])
        #expect(try await http.post("/token", form, as: kit.worker).json["error"] == "invalid_request")
    }
}
