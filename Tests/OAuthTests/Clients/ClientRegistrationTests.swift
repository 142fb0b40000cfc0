import JOSE
import OAuth
import Support
import Testing

@Suite("Registering clients")
struct ClientRegistrationTests {
    private let calendar: JSON = .array([.string(World.calendar.text)])

    private func made(_ kit: LegateKit, _ draft: JSONObject) async throws -> Client {
        try #require(try await kit.create(.client, draft).created as? Client)
    }

    @Test("what is not said has a value that allows little")
    func defaults() async throws {
        let kit = try await LegateKit.start()
        let client = try await made(kit, ["name": "New"])
        #expect(client.kind == .agent)
        #expect(client.enabled)
        #expect(client.authentication == .clientSecretBasic)
        #expect(client.grants == [.clientCredentials])
        #expect(client.scopes.isEmpty)
        #expect(client.resources.isEmpty)
        #expect(client.actsAs == nil)
        #expect(client.id.text.hasPrefix("client_"))
    }

    @Test("an operator's tool is given the admin API")
    func adminKind() async throws {
        let kit = try await LegateKit.start()
        let client = try await made(kit, ["name": "Ops", "kind": "admin", "scopes": ["audit:read"]])
        #expect(client.resources == [kit.server.registry.ownResources.admin.uri])
    }

    @Test("an empty list of grants is none, not the usual one")
    func emptyGrants() async throws {
        let kit = try await LegateKit.start()
        #expect(try await made(kit, ["name": "None", "grants": []]).grants.isEmpty)
        try await kit.update(.client, "planner", ["grants": []])
        await expectRefusal(.unauthorizedClient) { try await kit.token(kit.planner) }
        #expect(try await kit.restarted().client(kit.planner.id)?.grants == [])
    }

    @Test("unknown members, wrong types and wrong words are refused all at once, each by its name")
    func invalid() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid(
            "name", "client_id", "kind", "enabled", "auth", "scopes", "resources", "grants", "token_ttl", "colour",
            "tier"
        ) {
            try await kit.create(
                .client,
                [
                    "client_id": "a/b", "kind": "robot", "enabled": "yes", "auth": "none", "scopes": "a b",
                    "resources": ["calendar"],
                    "grants": ["password"], "token_ttl": 901, "colour": "red", "tier": "",
                ])
        }
        for ttl in [0, -1, 901, .number(1.5), "60", .bool(true)] as [JSON] {
            await expectInvalid("token_ttl") { try await kit.create(.client, ["name": "x", "token_ttl": ttl]) }
        }
        for name in ["", .integer(1), .string(String(repeating: "a", count: 257)), "a\u{0}b", "a\nb"] as [JSON] {
            await expectInvalid("name") { try await kit.create(.client, ["name": name]) }
        }
    }

    @Test("no client is registered with scopes that none of its resources has")
    func unknownScopes() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("scopes") { try await kit.create(.client, ["name": "x", "scopes": ["calendar.read"]]) }
        await expectInvalid("scopes") {
            try await kit.create(.client, ["name": "x", "scopes": ["orders.read"], "resources": calendar])
        }
        await expectInvalid("resources", "scopes") {
            try await kit.create(.client, ["name": "x", "scopes": ["a"], "resources": ["https://nobody.example.com"]])
        }
    }

    @Test("what a client names must exist")
    func references() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("acts_as") {
            try await kit.create(.client, ["name": "x", "acts_as": "https://nobody.example.com"])
        }
        await expectInvalid("acts_as") { try await kit.create(.client, ["name": "x", "kind": "resource"]) }
        await expectInvalid("workloads") {
            try await kit.create(.client, ["name": "x", "workloads": [.object(["issuer": "ghost", "subject": "s"])]])
        }
        await expectInvalid("workloads") { try await kit.create(.client, ["name": "x", "auth": "workload"]) }
        await expectInvalid("workloads[0].issuer", "workloads[0].colour") {
            try await kit.create(.client, ["name": "x", "workloads": [.object(["subject": "s", "colour": "red"])]])
        }
    }

    @Test("a mapping starts from a scope of the client's own resource and ends at one that is there")
    func mappings() async throws {
        let kit = try await LegateKit.start()
        func mapping(_ from: String, _ to: String, _ resource: ResourceURI = World.orders) -> JSON {
            .array([.object(["from": .string(from), "to": .string(to), "resource": .string(resource.text)])])
        }
        await expectInvalid("exchange_scopes") {
            try await kit.update(.client, "planner", ["exchange_scopes": mapping("calendar.read", "orders.read")])
        }
        for wrong in [
            mapping("orders.read", "orders.read"), mapping("tools.call", "payroll.read"),
            mapping("tools.call", "x", World.uri("https://nobody.example.com")),
        ] {
            await expectInvalid("exchange_scopes") {
                try await kit.update(.client, "worker", ["exchange_scopes": wrong])
            }
        }
        try await kit.update(.client, "worker", ["exchange_scopes": mapping("tools.list", "orders.write")])
    }

    @Test("keys belong to private_key_jwt, and it needs keys")
    func keys() async throws {
        let kit = try await LegateKit.start()
        let jwks: JSON = .object(TestKeys.jwks(try TestKeys.key(.es256)))
        await expectInvalid("jwks") { try await kit.create(.client, ["name": "x", "auth": "private_key_jwt"]) }
        await expectInvalid("auth") { try await kit.create(.client, ["name": "x", "jwks": jwks]) }
        await expectInvalid("jwks_uri") {
            try await kit.create(
                .client,
                ["name": "x", "auth": "private_key_jwt", "jwks": jwks, "jwks_uri": "https://a.example.com/jwks"])
        }
        for uri in ["http://a.example.com/jwks", "https://u:p@a.example.com/jwks", "file:///etc/passwd", "a"] {
            await expectInvalid("jwks_uri", "jwks") {
                try await kit.create(.client, ["name": "x", "auth": "private_key_jwt", "jwks_uri": .string(uri)])
            }
        }
        var leaked = try TestKeys.key(.es256).publicKey.json
        leaked["d"] = "AAAA"
        for wrong in [.object(["keys": [.object(leaked)]]), .object([:]), "x", .object(["kty": "oct", "k": "AAAA"])]
            as [JSON]
        {
            await expectInvalid("jwks") {
                try await kit.create(.client, ["name": "x", "auth": "private_key_jwt", "jwks": wrong])
            }
        }
        let client = try await made(
            kit, ["name": "x", "auth": "private_key_jwt", "jwks": .object(try TestKeys.key(.es256).publicKey.json)])
        #expect(client.secrets.isEmpty)
    }

    @Test("a key set with which no client assertion can be verified is refused")
    func uselessKeys() async throws {
        let kit = try await LegateKit.start()
        let rs256 = try TestKeys.key(.rs256)
        let useless: JSON = .object(TestKeys.jwks(rs256))
        let refusal = await expectInvalid("jwks") {
            try await kit.create(.client, ["name": "x", "auth": "private_key_jwt", "jwks": useless])
        }
        #expect(refusal?.errors.first?.detail.contains("ES256, Ed25519, PS256") == true)
        await expectInvalid("jwks") { try await kit.update(.client, "signer", ["jwks": useless]) }
        var plain = rs256.publicKey.json
        plain["alg"] = nil
        for good in [TestKeys.jwks(rs256, try TestKeys.key(.es256)), plain] {
            try await kit.create(.client, ["name": "x", "auth": "private_key_jwt", "jwks": .object(good)])
        }
        // The algorithm of the key says nothing of the certificate.
        try await kit.create(.client, ["name": "x", "auth": "self_signed_tls_client_auth", "jwks": useless])
    }

    @Test("id and kind are for life; sending the same again is harmless")
    func unchangeable() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("client_id") { try await kit.update(.client, "planner", ["client_id": "other"]) }
        await expectInvalid("kind") { try await kit.update(.client, "planner", ["kind": "admin"]) }
        await expectInvalid("created_at") {
            try await kit.update(.client, "planner", ["created_at": "2026-03-01T12:00:00Z"])
        }
        try await kit.update(.client, "planner", ["client_id": "planner", "kind": "agent"])
    }

    @Test("a secret that was given up does not come back with the method")
    func givenUp() async throws {
        let kit = try await LegateKit.start()
        let jwks: JSON = .object(TestKeys.jwks(try TestKeys.key(.es256)))
        try await kit.update(.client, "planner", ["auth": "private_key_jwt", "jwks": jwks])
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }
        try await kit.update(.client, "planner", ["auth": "client_secret_basic", "jwks": .null])
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }
        let (_, secret, _) = try await kit.server.registrar.rotateSecret(of: "planner", grace: 0, by: kit.admin())
        try await kit.token(kit.planner.with(.basic(secret)))
    }

    @Test("the document that the admin API shows reads back as the same client")
    func roundTrip() async throws {
        let kit = try await LegateKit.start()
        for party in [kit.planner, kit.worker, kit.signer, kit.runner, kit.gateway, kit.calendarAPI, kit.auditor] {
            let client = try #require(kit.client(party.id))
            #expect(try await kit.update(.client, party.id.text, client.draft).revision == client.revision)
            let document = client.document(at: kit.clock.time)
            #expect(document["secrets"] == nil && document["client_secret"] == nil)
        }
    }
}
