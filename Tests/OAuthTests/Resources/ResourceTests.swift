import JOSE
import OAuth
import Support
import Testing

@Suite("Resources")
struct ResourceTests {
    @Test("unknown members, wrong words and wrong names are refused")
    func invalid() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("resource", "name") { try await kit.create(.resource, [:]) }
        await expectInvalid(
            "resource", "name", "kind", "signing_alg", "token_ttl", "include_agent_claim", "scopes", "colour",
            "check_audit"
        ) {
            try await kit.create(
                .resource,
                [
                    "resource": "http://api.example.com", "name": "a b", "kind": "queue", "signing_alg": "HS256",
                    "token_ttl": 0,
                    "check_audit": "some", "include_agent_claim": 1, "scopes": ["a b"], "colour": "red",
                ])
        }
        for algorithm in ["PS256", "none", "es256", "ES384"] {
            await expectInvalid("signing_alg") {
                try await kit.update(.resource, "calendar", ["signing_alg": .string(algorithm)])
            }
        }
    }

    @Test("URI and name are for life")
    func unchangeable() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("resource", "name") {
            try await kit.update(.resource, "calendar", ["resource": "https://x.example.com", "name": "x"])
        }
    }

    @Test("a resource that asks for it gets the agent claim, and only such a one")
    func agentClaim() async throws {
        let kit = try await LegateKit.start()
        #expect(try UnverifiedJWT(try await kit.token(kit.planner).accessToken).claims["agent"] == nil)
        try await kit.update(.resource, "calendar", ["include_agent_claim": true])
        let claim = try UnverifiedJWT(try await kit.token(kit.planner).accessToken).claims["agent"]
        #expect(
            claim == .object(["type": "planner", "version": "1.4.0", "owner": "planner@example.com", "tier": "gold"]))
    }

    @Test("its token life and the client's: the smaller wins")
    func lifetime() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.resource, "calendar", ["token_ttl": 900])
        #expect(try await kit.token(kit.planner).expiresIn == 900)
        try await kit.update(.client, "planner", ["token_ttl": 30])
        #expect(try await kit.token(kit.planner).expiresIn == 30)
    }

    @Test("our own resources have a pair of scopes for each area")
    func own() throws {
        let own = OwnResources(issuer: try #require(IssuerURL("https://auth.example.com/t1")))
        #expect(
            own.all.map(\.uri.text) == ["admin", "vault", "revocations"].map { "https://auth.example.com/t1/" + $0 })
        for kind in RegistryKind.allCases {
            #expect(own.admin.scopes.contains(kind.readScope))
            #expect(own.admin.scopes.contains(kind.writeScope))
        }
    }
}
