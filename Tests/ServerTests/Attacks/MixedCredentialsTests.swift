import JOSE
import OAuth
import Support
import Testing

/// The hope: with the proof of one client and the name of another, the server takes the better half of each (OAuth 2.1
/// section 2.4: one method in one request).
@Suite("Attack: mixed credentials")
struct MixedCredentialsTests {
    private let grant = [("grant_type", "client_credentials"), ("resource", World.calendar.text)]

    @Test("my secret, your name")
    func yourName() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let answer = try await http.post("/token", Form(grant + [("client_id", "planner")]), as: kit.worker)
        #expect(answer.status == 400)
        #expect(answer.json["error"] == "invalid_request")
    }

    @Test("my secret and your assertion, in every combination")
    func combinations() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let secret = try #require(kit.planner.secret)
        func assertion() throws -> [(String, String)] {
            try ClientAssertion(of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time)
                .parameters().map { ($0.key, $0.value) }
        }
        let post = [("client_id", "planner"), ("client_secret", secret)]
        let answers = [
            try await http.post("/token", Form(grant + assertion()), as: kit.planner),
            try await http.post("/token", Form(grant + assertion() + post)),
            try await http.post("/token", Form(grant + post), as: kit.planner),
            try await http.post("/token", Form(grant + [("client_assertion_type", "x")]), as: kit.planner),
            try await http.post(
                "/token", Form(grant + post),
                headers: [("Authorization", "Bearer \(try await kit.token(kit.planner).accessToken)")]),
        ]
        for answer in answers {
            #expect(answer.status == 400)
            #expect(answer.json["error"] == "invalid_request")
        }
    }

    @Test("my assertion, your name")
    func assertionName() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var form = Form(grant + [("client_id", "planner")])
        form.add(
            try ClientAssertion(of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time)
                .parameters())
        #expect(try await http.post("/token", form).status == 401)
    }

    @Test("your platform's token beside my secret does not make me you")
    func workload() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(to: kit.runner, scopes: "calendar.read")
        let platform = try kit.corp.token(World.runnerSubject, audience: kit.issuer)
        let form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue),
            ("subject_token", try kit.corp.token(audience: kit.issuer)),
            ("subject_token_type", TokenType.idToken.rawValue), ("actor_token", platform),
            ("actor_token_type", TokenType.jwt.rawValue),
            ("resource", World.calendar.text),
        ])
        #expect(try await http.post("/token", form, as: kit.planner).status == 400)
        #expect(try await http.post("/token", form).status == 200)
    }

    @Test(
        "a parameter twice: neither the first nor the last wins",
        arguments: ["client_id", "client_secret", "grant_type", "scope", "subject_token"])
    func pollution(name: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let secret = try #require(kit.planner.secret)
        var form = Form(grant + [("client_id", "planner"), ("client_secret", secret)])
        form.add(name, "x")
        form.add(name, "y")
        let answer = try await http.post("/token", form)
        #expect(answer.status == 400)
        #expect(answer.json["error_description"]?.string?.hasPrefix("parameter appears more than once") == true)
    }
}
