import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("The revocation desk")
struct RevocationDeskTests {
    /// A token two hands deep that carries an id of every kind.
    private func deepToken(_ kit: LegateKit) async throws -> (Delegation, TokenResponse) {
        let delegation = try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools]
        )
        let first = try await kit.act(
            by: kit.planner, at: World.tools, with: ["agent_id": "p1", "task_id": "t", "session_id": "s"]
        )
        return (
            delegation,
            try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders, with: ["agent_id": "w1"])
        )
    }

    @Test("one call ends a token by whichever id it carries, also after a restart", arguments: Revocation.Kind.allCases)
    func ends(kind: Revocation.Kind) async throws {
        let kit = try await LegateKit.start()
        let (delegation, token) = try await deepToken(kit)
        let ids: [Revocation.Kind: String] = [
            .client: "planner", .agent: "planner/p1", .task: "planner/t", .session: "planner/s",
            .delegation: delegation.id.text, .subject: "corp|alice", .issuer: "corp",
            .key: token.token.identity.keyID ?? "", .token: token.token.identity.jti,
        ]
        let id = try #require(ids[kind])
        #expect(try await kit.isActive(token.accessToken))
        let tombstone = try await kit.server.revocationDesk.revoke(
            ["kind": .string(kind.rawValue), "id": .string(id), "reason": "off-boarded"], by: kit.admin()
        )
        #expect(try await !kit.isActive(token.accessToken))
        #expect(tombstone.kind == kind)
        #expect(tombstone.id == id)
        #expect(tombstone.issuedBefore == kit.clock.time.seconds)
        #expect(tombstone.reason == "off-boarded")
        let event = try #require(try await kit.records { $0.target = "\(kind.rawValue)/\(id)" }.last?.event)
        #expect(event.name == .revocationCreated)
        #expect(event.requestContext == "off-boarded")
        let stored = try await kit.store.revocations(after: 0, limit: 100)
        #expect(stored.contains(tombstone))
        #expect(stored.map(\.sequence) == Array(1...Int64(stored.count)))
        let again = try await kit.restarted()
        #expect(try await !again.isActive(token.accessToken))
    }

    @Test("revoking another's id of the same name touches nothing")
    func others() async throws {
        let kit = try await LegateKit.start()
        let (_, token) = try await deepToken(kit)
        for (kind, id) in [
            (.client, "signer"), (.agent, "worker/p1"), (.agent, "planner"), (.task, "worker/t"),
            (.session, "worker/s"),
            (.delegation, "dlg_other"), (.subject, "corp|bob"), (.issuer, "other"), (.token, "other"),
        ] as [(Revocation.Kind, String)] {
            try await kit.end(kind, id)
        }
        #expect(try await kit.isActive(token.accessToken))
    }

    @Test("an id that is not one of its kind is refused with a word on what it must be")
    func invalid() async throws {
        let kit = try await LegateKit.start()
        for (kind, id) in [
            ("client", "a/b"), ("agent", "a/b/c"), ("task", "planner"), ("task", "planner/é"), ("session", "x y/z"),
            ("delegation", "a b"), ("subject", "alice"), ("subject", "planner"), ("issuer", "Corp"), ("key", "ghost"),
            ("token", ""),
        ] {
            await expectInvalid("id") {
                try await kit.server.revocationDesk.revoke(["kind": .string(kind), "id": .string(id)], by: kit.admin())
            }
        }
        await expectInvalid("kind") {
            try await kit.server.revocationDesk.revoke(["kind": "world", "id": "x"], by: kit.admin())
        }
        await expectInvalid("kind", "id") { try await kit.server.revocationDesk.revoke([:], by: kit.admin()) }
        await expectInvalid("colour") {
            try await kit.server.revocationDesk.revoke(["kind": "token", "id": "x", "colour": "red"], by: kit.admin())
        }
        await expectRefusal(.insufficientScope) {
            try await kit.server.revocationDesk.revoke(["kind": "token", "id": "x"], by: kit.admin("revocations:read"))
        }
    }

    @Test("revoking a subject or an issuer ends the delegations too, each of them in sight")
    func delegations() async throws {
        let kit = try await LegateKit.start()
        let hers = [try await kit.delegate(to: kit.planner), try await kit.delegate(to: kit.worker)]
        let his = try await kit.delegate(from: "bob", to: kit.planner)
        try await kit.end(.subject, "corp|alice")
        for delegation in hers {
            #expect(kit.server.registry.delegation(delegation.id)?.status(at: kit.clock.time) == .revoked)
        }
        #expect(kit.server.registry.delegation(his.id)?.status(at: kit.clock.time) == .active)
        try await kit.end(.issuer, "corp")
        #expect(kit.server.registry.delegation(his.id)?.status(at: kit.clock.time) == .revoked)
        try await kit.delegate(to: kit.planner)
        try await kit.act(by: kit.planner)
    }

    @Test("an agent instance stays closed until it is let in again; its old tokens stay dead")
    func agentInstance() async throws {
        let kit = try await LegateKit.start()
        let old = try await kit.token(kit.planner, with: ["agent_id": "p1"])
        let other = try await kit.token(kit.planner, with: ["agent_id": "p2"])
        try await kit.end(.agent, "planner/p1")
        #expect(try await !kit.isActive(old.accessToken))
        #expect(try await kit.isActive(other.accessToken))
        kit.clock.advance(seconds: 365 * 86_400)
        try await kit.server.prune()
        await expectRefusal(.invalidRequest) { try await kit.token(kit.planner, with: ["agent_id": "p1"]) }
        let name = try #require(QualifiedName(qualified: "planner/p1"))
        await expectRefusal(.insufficientScope) {
            try await kit.server.revocationDesk.reopenAgent(name, by: kit.admin("clients:read"))
        }
        try await kit.server.revocationDesk.reopenAgent(name, by: kit.admin())
        try await kit.token(kit.planner, with: ["agent_id": "p1"])
        let again = try await kit.restarted()
        try await again.token(again.planner, with: ["agent_id": "p1"])
    }

    @Test("ending the unnamed instance reaches into chains where it acted")
    func unnamedInstance() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools])
        let first = try await kit.act(by: kit.planner, at: World.tools)
        let second = try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders)
        try await kit.end(.agent, "planner")
        #expect(try await !kit.isActive(first.accessToken))
        #expect(try await !kit.isActive(second.accessToken))
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner, at: World.tools) }
        try await kit.act(by: kit.planner, at: World.tools, with: ["agent_id": "p2"])
    }

    @Test("revoking the signing key ends its tokens everywhere and another key takes over at once")
    func signingKey() async throws {
        let kit = try await LegateKit.start()
        let old = try await kit.token(kit.planner)
        let keyID = try #require(old.token.identity.keyID)
        try await kit.end(.key, keyID)
        #expect(try await !kit.isActive(old.accessToken))
        #expect(!kit.server.keys.published(at: kit.clock.time).keys.contains { $0.keyID == keyID })
        let new = try await kit.token(kit.planner)
        #expect(new.token.identity.keyID != keyID)
        #expect(try await kit.isActive(new.accessToken))
        let again = try await kit.restarted()
        #expect(try await !again.isActive(old.accessToken))
        #expect(try await again.isActive(new.accessToken))
    }

    @Test("tombstones survive a restart until no live token can carry their id, and numbers never come twice")
    func kept() async throws {
        let kit = try await LegateKit.start()
        let last = try await kit.end(.client, "planner").sequence
        let again = try await kit.restarted()
        #expect(again.server.revocations.count == 1)
        again.clock.advance(seconds: 902)
        try await again.server.prune()
        #expect(again.server.revocations.count == 0)
        #expect(try await again.store.revocations(after: 0, limit: 10).isEmpty)
        let third = try await again.restarted()
        #expect(try await third.end(.client, "planner").sequence == last + 1)
    }

    @Test("a revocation that cannot be stored is an error, and holds in memory all the same")
    func storageFails() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.end(.client, "planner") }
        #expect(try await !kit.isActive(token.accessToken))
    }
}
