import JOSE
import OAuth
import Support
import Testing

@Suite("On the wire: tokens")
struct TokenTranscriptTests {
    private let grant = ("grant_type", "client_credentials")

    @Test("a token by secret")
    func secret() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var transcript = Transcript("token-by-secret")
        let form = Form([
            grant, ("resource", World.calendar.text), ("scope", "calendar.read"), ("agent_id", "p1"),
            ("task_id", "t-17"),
            ("reason", "weekly report"),
        ])
        transcript.add("the secret in the header", try await http.post("/token", form, as: kit.planner))
        let secret = try #require(kit.planner.secret)
        transcript.add(
            "the secret in the form", try await http.post("/token", form, as: kit.planner.with(.post(secret))))
        try transcript.check()
    }

    @Test("a token by signed assertion")
    func assertion() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var transcript = Transcript("token-by-assertion")
        var form = Form([grant])
        var assertion = ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: try TestKeys.key(.es256), at: kit.clock.time)
        assertion.claims["jti"] = "assertion-1"
        form.add(try assertion.parameters())
        transcript.add("a signed assertion", try await http.post("/token", form))
        transcript.add("the same once more", try await http.post("/token", form))
        try transcript.check()
    }

    @Test("a token for a token")
    func exchange() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools])
        var transcript = Transcript("token-exchange")
        let exchange = ("grant_type", GrantType.tokenExchange.rawValue)
        let first = transcript.add(
            "the planner acts for alice",
            try await http.post(
                "/token",
                Form([
                    exchange, ("subject_token", try kit.corp.token(audience: kit.issuer, claims: ["jti": "corp-1"])),
                    ("subject_token_type", TokenType.idToken.rawValue), ("resource", World.tools.text),
                    ("session_id", "s-1"),
                ]), as: kit.planner
            )
        )
        let token = try #require(first.json["access_token"]?.string)
        transcript.add(
            "the worker, who is the audience, goes on to the orders",
            try await http.post(
                "/token",
                Form([
                    exchange, ("subject_token", token), ("subject_token_type", TokenType.accessToken.rawValue),
                    ("audience", "orders"), ("agent_id", "w1"),
                ]), as: kit.worker
            )
        )
        try transcript.check()
    }

    @Test("refusals at the token endpoint")
    func refusals() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var transcript = Transcript("token-refusals")
        let resource = ("resource", World.calendar.text)
        transcript.add(
            "no such secret, in the header",
            try await http.post("/token", Form([grant]), as: kit.planner.with(.basic("wrong"))))
        transcript.add(
            "no such secret, in the form",
            try await http.post("/token", Form([grant]), as: kit.planner.with(.post("wrong"))))
        transcript.add("nobody at all", try await http.post("/token", Form([grant])))
        transcript.add(
            "two methods", try await http.post("/token", Form([grant, ("client_secret", "x")]), as: kit.planner))
        transcript.add(
            "a grant that is not here",
            try await http.post("/token", Form([("grant_type", "password")]), as: kit.planner))
        transcript.add("no grant", try await http.post("/token", Form(), as: kit.planner))
        transcript.add(
            "a scope too many",
            try await http.post("/token", Form([grant, resource, ("scope", "calendar.admin")]), as: kit.planner))
        transcript.add(
            "another resource",
            try await http.post("/token", Form([grant, ("resource", World.payroll.text)]), as: kit.planner))
        transcript.add(
            "two resources",
            try await http.post("/token", Form([grant, resource, ("resource", World.orders.text)]), as: kit.planner))
        transcript.add("a parameter twice", try await http.post("/token", Form([grant, grant]), as: kit.planner))
        transcript.add(
            "rich authorization",
            try await http.post("/token", Form([grant, resource, ("authorization_details", "[]")]), as: kit.planner))
        transcript.add(
            "no delegation",
            try await http.post(
                "/token",
                Form([
                    ("grant_type", GrantType.tokenExchange.rawValue),
                    ("subject_token", try kit.corp.token(audience: kit.issuer, claims: ["jti": "corp-1"])),
                    ("subject_token_type", TokenType.idToken.rawValue), resource,
                ]), as: kit.planner
            )
        )
        try transcript.check()
    }

    @Test("too many wrong secrets")
    func throttled() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        for _ in 0..<10 { _ = try await http.post("/token", Form([grant]), as: kit.planner.with(.basic("wrong"))) }
        var transcript = Transcript("token-throttled")
        transcript.add("the eleventh from one address", try await http.post("/token", Form([grant]), as: kit.planner))
        try transcript.check()
    }

    @Test("the database is gone")
    func unavailable() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        kit.store.fail(true)
        var transcript = Transcript("token-unavailable")
        transcript.add(
            "a decision that cannot be recorded",
            try await http.post("/token", Form([grant, ("resource", World.calendar.text)]), as: kit.planner))
        transcript.add("is readiness", try await http.get("/health/ready"))
        transcript.add("and not liveness", try await http.get("/health/live"))
        try transcript.check()
    }

    @Test("introspection")
    func introspection() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        var transcript = Transcript("introspection")
        let form = Form([("token", token)])
        transcript.add("the gateway asks", try await http.post("/introspect", form, as: kit.gateway))
        transcript.add(
            "it wants it signed",
            try await http.post(
                "/introspect", form, as: kit.gateway, headers: [("Accept", "application/token-introspection+jwt")])
        )
        transcript.add("somebody else's gateway", try await http.post("/introspect", form, as: kit.worker))
        transcript.add("no token", try await http.post("/introspect", Form(), as: kit.gateway))
        transcript.add("no credentials", try await http.post("/introspect", form))
        let reader = try await kit.adminToken(kit.auditor)
        transcript.add(
            "an operator asks by token",
            try await http.post("/introspect", form, headers: [("Authorization", "Bearer \(reader)")]))
        let other = try await kit.adminToken(kit.auditor, scope: "audit:read")
        transcript.add(
            "an operator without the scope",
            try await http.post("/introspect", form, headers: [("Authorization", "Bearer \(other)")]))
        try transcript.check()
    }

    @Test("revocation")
    func revocation() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.token(kit.planner).accessToken
        let form = Form([("token", token)])
        var transcript = Transcript("revocation")
        transcript.add("another client's token", try await http.post("/revoke", form, as: kit.worker))
        transcript.add("its own", try await http.post("/revoke", form, as: kit.planner))
        transcript.add("is inactive from then on", try await http.post("/introspect", form, as: kit.planner))
        transcript.add("once more is no error", try await http.post("/revoke", form, as: kit.planner))
        transcript.add(
            "nor is one that never was", try await http.post("/revoke", Form([("token", "x")]), as: kit.planner))
        transcript.add("a wrong secret is", try await http.post("/revoke", form, as: kit.planner.with(.basic("wrong"))))
        try transcript.check()
    }
}
