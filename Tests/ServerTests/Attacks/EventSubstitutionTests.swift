import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

/// The hope: a security event, which an issuer signs about a user and hands to many receivers, passes for a token of
/// that user; or a token passes for an event.
@Suite("Attack: event substitution")
struct EventSubstitutionTests {
    private static let sessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"

    /// Claims as an ID token has them, so that nothing but the type tells them apart.
    private func claims(_ kit: LegateKit) -> JSONObject {
        ["sub": "alice", "exp": .integer(kit.clock.time.seconds + 300)]
    }

    @Test("an event is no access token, no subject token and no actor token")
    func asToken() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(to: kit.planner)
        let subject = try kit.corp.token(audience: kit.issuer)
        for more in [[:], claims(kit)] as [JSONObject] {
            let event = try kit.corp.event(Self.sessionRevoked, to: kit.issuer, claims: more)
            #expect(
                try await http.post("/introspect", Form([("token", event)]), as: kit.auditor).answer.text
                    == #"{"active":false}"#)
            #expect(try await http.admin(.get, "/admin/clients", token: event).status == 401)
            for type in [TokenType.accessToken, .idToken, .jwt] {
                let form = Form([
                    ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", event),
                    ("subject_token_type", type.rawValue), ("resource", World.calendar.text),
                ])
                let answer = try await http.post("/token", form, as: kit.planner)
                #expect(answer.status == 400)
                #expect(answer.json["error"] == "invalid_request")
                let actor = Form([
                    ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", subject),
                    ("subject_token_type", TokenType.idToken.rawValue), ("actor_token", event),
                    ("actor_token_type", type.rawValue), ("resource", World.calendar.text),
                ])
                #expect(try await http.post("/token", actor, as: kit.planner).json["error"] == "invalid_request")
            }
        }
        // The very same claims are good when they are called what they are.
        try await kit.act(by: kit.planner)
    }

    @Test("an event that a client's own key signed is no client assertion")
    func asAssertion() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let now = kit.clock.time.seconds
        let claims: JSONObject = [
            "iss": "signer", "sub": "signer", "aud": .string(kit.issuer.text), "iat": .integer(now),
            "exp": .integer(now + 60), "jti": "one",
        ]
        func ask(_ type: String) async throws -> Int {
            var form = Form([("grant_type", "client_credentials")])
            form.add([
                "client_assertion": try TestKeys.key(.es256).sign(claims, type: type),
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ])
            return try await http.post("/token", form).status
        }
        #expect(try await ask("secevent+jwt") == 401)
        #expect(try await ask("JWT") == 200)
    }

    @Test("no other token of the issuer is an event, and none of ours")
    func asEvent() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(to: kit.planner)
        let token = try await kit.act(by: kit.planner).accessToken
        let events: JSON = .object(try JSON(parsing: #"{"\#(Self.sessionRevoked)":{}}"#).object ?? [:])
        for text in [
            token, try kit.corp.token(audience: kit.issuer),
            try kit.corp.token(audience: kit.issuer, claims: ["events": events]),
            try kit.corp.token(audience: kit.issuer, claims: ["events": events], type: "secevent+jwt"),
            try kit.corp.token(audience: kit.issuer, claims: ["events": events], type: "at+jwt"),
        ] {
            let answer = try await http.send(
                .init(
                    .post, "/events", headers: [("Content-Type", "application/secevent+jwt")], body: Array(text.utf8)))
            #expect(answer.status == 400)
        }
        #expect(try await kit.isActive(token))
    }
}
