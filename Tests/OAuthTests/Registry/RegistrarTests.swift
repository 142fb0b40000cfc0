import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("The registrar")
struct RegistrarTests {
    private static let drafts: [(RegistryKind, JSONObject)] = [
        (.client, ["client_id": "new", "name": "New"]),
        (.resource, ["resource": "https://new.example.com", "name": "new", "scopes": ["a"]]),
        (.issuer, ["name": "new", "issuer": "https://new.example.com", "jwks_uri": "https://new.example.com/jwks"]),
        (
            .rule,
            [
                "issuer": "corp", "client_id": "planner", "scopes": ["calendar.read"],
                "resources": [.string(World.calendar.text)],
            ]
        ),
        (
            .delegation,
            [
                "issuer": "corp", "subject": "alice", "client_id": "planner", "scopes": ["calendar.read"],
                "resources": [.string(World.calendar.text)],
            ]
        ),
    ]

    @Test("everything that can be registered is there at once, in the trail, and after a restart", arguments: drafts)
    func create(kind: RegistryKind, draft: JSONObject) async throws {
        let kit = try await LegateKit.start()
        let made = try await kit.create(kind, draft).created
        #expect(made.revision == 1)
        #expect(
            kit.server.registry.registered(kind, made.identifier)?.document(at: kit.clock.time)
                == made.document(at: kit.clock.time))
        let event = try #require(
            try await kit.records { $0.target = "\(kind.rawValue)/\(made.identifier)" }.last?.event)
        #expect(event.decision == .allow)
        #expect(event.before == nil)
        #expect(event.after == made.document(at: kit.clock.time).text)
        #expect(event.clientID == "operator")
        #expect(event.policyEvaluation?.rule == kind.writeScope)
        let again = try await kit.restarted()
        #expect(
            again.server.registry.registered(kind, made.identifier)?.document(at: kit.clock.time)
                == made.document(at: kit.clock.time))
    }

    @Test("each area needs its own scope, to read and to write", arguments: drafts)
    func scopes(kind: RegistryKind, draft: JSONObject) async throws {
        let kit = try await LegateKit.start()
        let others = OwnResources.adminScopes.filter { $0 != kind.writeScope }
        let other = kit.admin("audit:read")
        await expectRefusal(.insufficientScope) { try await kit.create(kind, draft, by: other) }
        let reader = Operator(
            token: AccessToken(
                identity: other.token.identity, audience: other.token.audience,
                scopes: Fixtures.scopes(others.joined(separator: " ")),
                expiresAt: other.token.expiresAt
            ), context: other.context
        )
        await expectRefusal(.insufficientScope) { try await kit.create(kind, draft, by: reader) }
        let made = try await kit.create(kind, draft).created
        let registrar = kit.server.registrar
        await expectRefusal(.insufficientScope) { try registrar.show(kind, made.identifier, to: other) }
        #expect(try registrar.show(kind, made.identifier, to: reader).identifier == made.identifier)
        await expectRefusal(.insufficientScope) {
            try await registrar.update(kind, made.identifier, patch: [:], ifRevision: nil, by: reader)
        }
        await expectRefusal(.insufficientScope) { try await registrar.delete(kind, made.identifier, by: reader) }
    }

    @Test("a name that is taken is a conflict, and changes nothing")
    func conflicts() async throws {
        let kit = try await LegateKit.start()
        let before = kit.auditCount
        await #expect(throws: Registrar.Failure.exists(.client, "planner")) {
            try await kit.create(.client, ["client_id": "planner", "name": "Thief"])
        }
        await #expect(throws: Registrar.Failure.exists(.resource, "calendar")) {
            try await kit.create(.resource, ["resource": "https://x.example.com", "name": "calendar"])
        }
        await #expect(throws: Registrar.Failure.self) {
            try await kit.create(.resource, ["resource": .string(World.calendar.text), "name": "other"])
        }
        await #expect(throws: Registrar.Failure.exists(.issuer, "https://idp.example.com")) {
            try await kit.create(
                .issuer, ["name": "corp2", "issuer": "https://idp.example.com", "jwks_uri": "https://x.example.com"])
        }
        await #expect(throws: Registrar.Failure.exists(.issuer, "corp")) {
            try await kit.create(
                .issuer, ["name": "corp", "issuer": "https://x.example.com", "jwks_uri": "https://x.example.com"])
        }
        #expect(kit.auditCount == before)
        try await kit.token(kit.planner)
    }

    @Test("a patch merges, raises the revision, and is audited with before and after")
    func update() async throws {
        let kit = try await LegateKit.start()
        let changed = try await kit.update(.client, "planner", ["owner": "bob", "purpose": .null, "token_ttl": 60])
        #expect(changed.revision == 2)
        let client = try #require(kit.client(kit.planner.id))
        #expect(client.owner == "bob")
        #expect(client.purpose == nil)
        #expect(client.tokenTTL == 60)
        #expect(client.scopes == World.scopes("calendar.read calendar.write orders.read tools.call tools.list"))
        let event = try #require(try await kit.lastRecord()?.event)
        #expect(event.name == .clientUpdated)
        #expect(event.before?.contains(#""owner":"planner@example.com""#) == true)
        #expect(event.after?.contains(#""owner":"bob""#) == true)
        #expect(try await kit.token(kit.planner).expiresIn == 60)
    }

    @Test("a patch that changes nothing is no change")
    func sameAgain() async throws {
        let kit = try await LegateKit.start()
        let before = kit.auditCount
        #expect(try await kit.update(.client, "planner", ["name": "planner"]).revision == 1)
        #expect(kit.auditCount == before)
    }

    @Test("who has seen an older revision is told so, and two at once cannot both win")
    func stale() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.client, "planner", ["owner": "a"], ifRevision: 1)
        await #expect(throws: Registrar.Failure.stale(.client, "planner")) {
            try await kit.update(.client, "planner", ["owner": "b"], ifRevision: 1)
        }
        kit.store.hold()
        let wins = await withTaskGroup(of: Bool.self) { group in
            for name in ["x", "y"] {
                group.addTask { (try? await kit.update(.client, "planner", ["owner": .string(name)])) != nil }
            }
            try? await kit.store.waitUntilHeld()
            try? await Task.sleep(for: .milliseconds(20))
            kit.store.release()
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(wins == 1)
        #expect(kit.client(kit.planner.id)?.revision == 3)
    }

    @Test("what is not there cannot be changed or removed", arguments: RegistryKind.allCases)
    func missing(kind: RegistryKind) async throws {
        let kit = try await LegateKit.start()
        for name in ["ghost", "", "a/b", "é"] {
            await #expect(throws: Registrar.Failure.notFound(kind, name)) { try await kit.update(kind, name, [:]) }
            await #expect(throws: Registrar.Failure.notFound(kind, name)) { try await kit.delete(kind, name) }
            #expect(throws: Registrar.Failure.notFound(kind, name)) {
                try kit.server.registrar.show(kind, name, to: kit.admin())
            }
        }
    }

    @Test("disabling a client stops new tokens and ends old ones; enabling it again brings none back")
    func disable() async throws {
        let kit = try await LegateKit.start()
        let old = try await kit.token(kit.planner)
        try await kit.update(.client, "planner", ["enabled": false])
        #expect(try await !kit.isActive(old.accessToken))
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }
        kit.clock.nextSecond()
        try await kit.update(.client, "planner", ["enabled": true])
        #expect(try await !kit.isActive(old.accessToken))
        let new = try await kit.token(kit.planner)
        #expect(try await kit.isActive(new.accessToken))
        let again = try await kit.restarted()
        #expect(try await !again.isActive(old.accessToken))
        #expect(try await again.isActive(new.accessToken))
    }

    @Test("deleting a client ends its tokens and delegations, removes its rules, and a namesake inherits nothing")
    func deleteClient() async throws {
        let kit = try await LegateKit.start()
        let rule = try await kit.allow(kit.planner)
        let delegation = try await kit.delegate(to: kit.planner)
        let plain = try await kit.token(kit.planner)
        let token = try await kit.act(by: kit.planner)
        try await kit.delete(.client, "planner")
        kit.clock.nextSecond()
        #expect(try await !kit.isActive(plain.accessToken))
        #expect(try await !kit.isActive(token.accessToken))
        #expect(kit.server.registry.delegation(delegation.id)?.status(at: kit.clock.time) == .revoked)
        #expect(kit.server.registry.rule(rule.id) == nil)
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }

        let namesake = try await kit.createAgent(
            "planner", scopes: ["calendar.read"], resources: [World.calendar],
            grants: ["client_credentials", "token_exchange"]
        )
        #expect(try await !kit.isActive(plain.accessToken))
        await expectRefusal(.invalidRequest) { try await kit.act(by: namesake) }
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }
        try await kit.token(namesake)
        let again = try await kit.restarted()
        #expect(try await !again.isActive(plain.accessToken))
        #expect(again.server.registry.rule(rule.id) == nil)
    }

    @Test("deleting a client of somebody else's chain ends the chain")
    func deleteActor() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools])
        let first = try await kit.act(by: kit.planner, at: World.tools)
        let second = try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders)
        try await kit.delete(.client, "planner")
        #expect(try await !kit.isActive(second.accessToken))
    }

    @Test("deleting a resource ends its tokens, and a namesake does not bring them back")
    func deleteResource() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        try await kit.delete(.resource, "calendar")
        #expect(try await !kit.isActive(token.accessToken))
        await expectRefusal(.invalidTarget) { try await kit.token(kit.planner) }
        kit.clock.nextSecond()
        try await kit.create(
            .resource, ["resource": .string(World.calendar.text), "name": "calendar", "scopes": ["calendar.read"]])
        #expect(try await !kit.isActive(token.accessToken))
        // What clients were granted there was not taken from them: Docs/Operations.md says so.
        #expect(try await kit.token(kit.planner).token.scopes == World.scopes("calendar.read"))
    }

    @Test("a client that names something that is gone cannot be changed, but it can always be disabled")
    func disableWithoutResource() async throws {
        let kit = try await LegateKit.start()
        try await kit.delete(.resource, "calendar")
        await expectInvalid("resources", "scopes") { try await kit.update(.client, "planner", ["owner": "bob"]) }
        try await kit.update(.client, "planner", ["enabled": false])
        #expect(kit.client(kit.planner.id)?.enabled == false)
        await expectInvalid("resources", "scopes") { try await kit.update(.client, "planner", ["enabled": true]) }
    }

    @Test("deleting the resource beside it does not make the other one the client's only one")
    func deleteNeverWidens() async throws {
        let kit = try await LegateKit.start()
        let agent = try await kit.createAgent(
            "two", scopes: ["calendar.read", "orders.read"], resources: [World.calendar, World.orders])
        await expectRefusal(.invalidTarget) { try await kit.token(agent, for: nil) }
        try await kit.delete(.resource, "orders")
        await expectRefusal(.invalidTarget) { try await kit.token(agent, for: nil) }
    }

    @Test("our own resources can be neither removed nor taken over by their name")
    func ownResources() async throws {
        let kit = try await LegateKit.start()
        await #expect(throws: Registrar.Failure.self) { try await kit.delete(.resource, "legate-admin") }
        await expectInvalid("resource") {
            try await kit.create(.resource, ["resource": .string(kit.issuer.text + "/admin"), "name": "mine"])
        }
        await expectInvalid("name") {
            try await kit.create(.resource, ["resource": "https://evil.example.com", "name": "legate-admin"])
        }
        #expect(kit.server.registry.resource(named: "legate-admin")?.uri.text == kit.issuer.text + "/admin")
    }

    @Test("distrusting an issuer ends its users' tokens and delegations and leaves nothing to a namesake")
    func distrust() async throws {
        let kit = try await LegateKit.start()
        let rule = try await kit.allow(kit.planner)
        let token = try await kit.act(by: kit.planner)
        let own = try await kit.token(kit.planner)
        try await kit.delete(.issuer, "corp")
        kit.clock.nextSecond()
        #expect(try await !kit.isActive(token.accessToken))
        #expect(try await kit.isActive(own.accessToken))
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        #expect(kit.server.registry.rule(rule.id) == nil)
        #expect(kit.client(kit.runner.id)?.workloads == [])

        let document = try kit.corp.jwks()
        try await kit.create(.issuer, ["name": "corp", "issuer": "https://idp.example.com", "jwks": .object(document)])
        #expect(try await !kit.isActive(token.accessToken))
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        let platform = try kit.corp.token(World.runnerSubject, audience: kit.issuer)
        await expectRefusal(.invalidClient) {
            try await kit.act(
                by: kit.runner, with: ["actor_token": platform, "actor_token_type": TokenType.jwt.rawValue])
        }
    }

    @Test("disabling an issuer ends what it has; enabling it again brings nothing back")
    func disableIssuer() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        let token = try await kit.act(by: kit.planner)
        try await kit.update(.issuer, "corp", ["enabled": false])
        kit.clock.nextSecond()
        try await kit.update(.issuer, "corp", ["enabled": true])
        #expect(try await !kit.isActive(token.accessToken))
        #expect(kit.server.registry.delegation(delegation.id)?.status(at: kit.clock.time) == .revoked)
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
    }

    @Test("deleting a rule leaves the delegations that it made, and makes no more")
    func deleteRule() async throws {
        let kit = try await LegateKit.start()
        let rule = try await kit.allow(kit.planner)
        let token = try await kit.act(by: kit.planner)
        try await kit.delete(.rule, rule.id.text)
        #expect(try await kit.isActive(token.accessToken))
        try await kit.act(by: kit.planner)
        await expectRefusal(.invalidRequest) { try await kit.act(for: "bob", by: kit.planner) }
    }

    @Test("deleting a delegation is revoking it; twice is the same as once")
    func deleteDelegation() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        let token = try await kit.act(by: kit.planner)
        try await kit.delete(.delegation, delegation.id.text)
        #expect(try await !kit.isActive(token.accessToken))
        let count = kit.auditCount
        try await kit.delete(.delegation, delegation.id.text)
        #expect(kit.auditCount == count)
    }

    @Test("a secret is shown once: neither the document, the trail nor the database has it")
    func secrets() async throws {
        let kit = try await LegateKit.start()
        let (client, made) = try await kit.create(.client, ["client_id": "new", "name": "New"])
        let secret = try #require(made)
        #expect(secret.hasPrefix("legate_cs_"))
        let (_, rotated, _) = try await kit.server.registrar.rotateSecret(of: "new", grace: 60, by: kit.admin())
        #expect(rotated != secret)
        #expect(!client.document(at: kit.clock.time).text.contains("legate_cs_"))
        for record in try await kit.records() { #expect(!record.json.text.contains("legate_cs_")) }
        #expect(kit.client(World.id("new"))?.secrets.count == 2)
    }

    @Test("only a client with a secret can rotate it, within thirty days of grace")
    func rotation() async throws {
        let kit = try await LegateKit.start()
        let registrar = kit.server.registrar
        await expectInvalid("client_id") { try await registrar.rotateSecret(of: "signer", grace: 0, by: kit.admin()) }
        for grace in [-1, Registrar.longestGrace + 1, .max, .min] {
            await expectInvalid("grace") {
                try await registrar.rotateSecret(of: "planner", grace: grace, by: kit.admin())
            }
        }
        await expectRefusal(.insufficientScope) {
            try await registrar.rotateSecret(of: "planner", grace: 0, by: kit.admin("clients:read"))
        }
        await #expect(throws: Registrar.Failure.notFound(.client, "ghost")) {
            try await registrar.rotateSecret(of: "ghost", grace: 0, by: kit.admin())
        }
    }

    @Test("when storage fails nothing is registered")
    func storageFails() async throws {
        let kit = try await LegateKit.start()
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) {
            try await kit.create(.client, ["client_id": "new", "name": "New"])
        }
        await #expect(throws: LedgerUnavailable.self) { try await kit.update(.client, "planner", ["owner": "x"]) }
        #expect(kit.client(World.id("new")) == nil)
        #expect(kit.client(kit.planner.id)?.revision == 1)
        kit.store.fail(false)
        try await kit.create(.client, ["client_id": "new", "name": "New"])
    }

    @Test("a resource that asks for another algorithm gets a key for it, and its tokens are signed with it")
    func algorithm() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.resource, "calendar", ["signing_alg": "Ed25519"])
        let token = try await kit.token(kit.planner)
        #expect(try UnverifiedJWT(token.accessToken).header.algorithm == .ed25519)
        #expect(try await kit.isActive(token.accessToken))
        #expect(kit.server.keys.all(at: kit.clock.time).count == 2)
        try await kit.update(.resource, "orders", ["signing_alg": "Ed25519"])
        #expect(kit.server.keys.all(at: kit.clock.time).count == 2)
        let again = try await kit.restarted()
        #expect(try await again.isActive(token.accessToken))
    }

    // MARK: The last operator

    /// What ends an operator, each in its way.
    private static let endings: [JSONObject] = [
        ["enabled": false], ["scopes": ["clients:read"]], ["grants": ["token_exchange"]],
        ["resources": [.string(World.calendar.text)], "scopes": ["calendar.read"]],
        ["certificate_bound": true],
        ["auth": "tls_client_auth", "tls_client_auth_san_dns": "operator.example.com"],
    ]

    @Test("the last operator can be changed in no way that leaves nobody to register others", arguments: endings)
    func lastOperatorChanged(patch: JSONObject) async throws {
        let kit = try await LegateKit.start()
        let last = kit.world.admin
        let token = try await kit.token(last, for: kit.server.registry.ownResources.admin.uri)
        let count = kit.auditCount
        await #expect(throws: LastOperator(last.id)) { try await kit.update(.client, last.id.text, patch) }
        #expect(kit.client(last.id)?.revision == 1)
        #expect(kit.auditCount == count)
        #expect(try await kit.isActive(token.accessToken), "nothing of what was refused has happened")
        try await kit.update(.client, last.id.text, ["owner": "bob", "dpop_bound": true])

        try await kit.create(
            .client, ["client_id": "next", "name": "Next", "kind": "admin", "scopes": ["clients:write"]])
        try await kit.update(.client, last.id.text, patch)
        await #expect(throws: LastOperator(World.id("next"))) { try await kit.delete(.client, "next") }
    }

    @Test("who is disabled, has other scopes, has no credentials or is no operator at all does not count")
    func lastOperatorDeleted() async throws {
        let kit = try await LegateKit.start()
        let last = kit.world.admin.id
        func refused(sourceLocation: SourceLocation = #_sourceLocation) async {
            await #expect(throws: LastOperator(last), sourceLocation: sourceLocation) {
                try await kit.delete(.client, last.text)
            }
        }
        await refused()
        let scopes: JSON = ["clients:read", "clients:write"]
        let admin: JSON = [.string(kit.server.registry.ownResources.admin.uri.text)]
        try await kit.create(
            .client, ["client_id": "agent", "name": "A", "resources": admin, "scopes": scopes])
        try await kit.create(
            .client,
            ["client_id": "shown", "name": "S", "kind": "admin", "scopes": scopes, "certificate_bound": true])
        try await kit.create(
            .client,
            ["client_id": "brief", "name": "B", "kind": "admin", "scopes": scopes, "secret_lifetime": 60])
        try await kit.create(
            .client, ["client_id": "off", "name": "O", "kind": "admin", "scopes": scopes, "enabled": false])
        kit.clock.advance(seconds: 61)
        await refused()
        try await kit.update(.client, "off", ["enabled": true])
        try await kit.delete(.client, last.text)
        #expect(kit.client(last) == nil)
    }

    @Test("of two operators who end each other at once, in one transaction, one stays")
    func lastOperatorRace() async throws {
        let kit = try await LegateKit.start()
        let last = kit.world.admin.id.text
        try await kit.create(
            .client, ["client_id": "next", "name": "Next", "kind": "admin", "scopes": ["clients:write"]])
        kit.store.hold()
        async let other = kit.update(.client, "planner", ["owner": "x"])
        try await kit.store.waitUntilHeld()
        let wins = await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await kit.delete(.client, last)) != nil }
            group.addTask { (try? await kit.update(.client, "next", ["enabled": false])) != nil }
            try? await Task.sleep(for: .milliseconds(100))
            kit.store.release()
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        _ = try await other
        #expect(wins == 1)
        #expect((kit.client(kit.world.admin.id) == nil) != (kit.client(World.id("next"))?.enabled == false))
    }
}
