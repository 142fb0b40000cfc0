import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Releasing secrets")
struct SecretReleaseTests {
    private func name(_ text: String) -> SecretName { LegateKit.secretName(text) }

    @Test("nobody may read a secret until a rule says so")
    func defaultDeny() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("payments/stripe")
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("payments/stripe", as: kit.planner) }
        _ = try await kit.server.secretDesk.allow(
            name("payments/stripe"), rule: ["client_id": .string("planner")], by: kit.keeper()
        )
        #expect(try await kit.read("payments/stripe", as: kit.planner) == "s3cr3t")
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("payments/stripe", as: kit.worker) }
    }

    @Test("who manages secrets reads none, and who reads them manages none")
    func scopes() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        await #expect(throws: OAuthError.self) {
            try await kit.read("a", as: kit.planner, scopes: SecretDesk.writeScope)
        }
        await #expect(throws: OAuthError.self) {
            try await kit.server.secretDesk.allow(
                name("a"), rule: ["client_id": "worker"], by: kit.keeper(SecretDesk.readScope)
            )
        }
        #expect(kit.server.registry.secrets.secret(name("a"))?.rules.count == 1)
    }

    @Test("a user's own secret is for agents that act for that user, and ends with the delegation")
    func subject() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("github/alice", with: ["rules": [["subject": "corp|alice"]]])
        let alice = try await kit.delegate(to: kit.planner)
        let bob = try await kit.delegate(from: "bob", to: kit.planner)
        #expect(try await kit.read("github/alice", as: kit.planner, delegation: alice) == "s3cr3t")
        await #expect(throws: SecretRefusal.notFound) {
            try await kit.read("github/alice", as: kit.planner, delegation: bob)
        }
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("github/alice", as: kit.planner) }
        let token = kit.vaultToken(kit.planner, delegation: alice)
        _ = try await kit.server.registrar.revokeDelegation(alice.id.text, reason: nil, by: kit.admin())
        await #expect(throws: SecretRefusal.notFound) {
            try await kit.server.secretDesk.read(name("github/alice"), by: token, in: kit.context("GET /vault/values"))
        }
    }

    @Test("a rule for one door opens no other")
    func doors() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep(
            "a", with: ["rules": [["client_id": "planner", "resource": .string(World.calendar.text)]]]
        )
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", as: kit.planner) }
        let token = kit.vaultToken(kit.planner)
        let released = try await kit.server.secretDesk.release(
            name("a"), to: SecretHolder(identity: token.identity, door: World.calendar, scopes: .empty),
            in: kit.context("GET /check")
        )
        #expect(released.value.text == "s3cr3t")
    }

    @Test("a release, its record and its lease are one; the record says who, for whom, which version, which rule")
    func record() async throws {
        let kit = try await LegateKit.start()
        let secret = try await kit.keep("a", readers: [kit.planner])
        let token = kit.vaultToken(kit.planner, task: "t-1")
        let released = try await kit.server.secretDesk.read(name("a"), by: token, in: kit.context("GET /vault/values"))
        let record = try #require(try await kit.records().last { $0.event.name == .secretReleased })
        #expect(record.event.target == "secret/a/versions/1")
        #expect(record.event.clientID == "planner" && record.event.taskID == "planner/t-1")
        #expect(record.event.policyEvaluation?.rule == secret.rules.first?.id.text)
        #expect(record.event.after?.contains(released.lease.id.text) == true)
        #expect(try await kit.records().contains { "\($0)".contains("s3cr3t") } == false)
        let leases = try await kit.server.secretDesk.leases(of: name("a"), after: nil, limit: 10, by: kit.keeper())
        #expect(leases == [released.lease])
        #expect(released.lease.expiresAt == kit.clock.time.adding(seconds: VaultSecret.defaultLeaseTTL))
    }

    @Test("what cannot be recorded is not released")
    func failClosed() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.read("a", as: kit.planner) }
    }

    @Test("a rule that goes while a release waits stops it")
    func race() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        kit.store.hold()
        let removing = Task {
            try await kit.server.secretDesk.disallow(name("a"), where: { _ in true }, by: kit.keeper())
        }
        try await kit.store.waitUntilHeld()
        let reading = Task { try await kit.read("a", as: kit.planner) }
        try await Task.sleep(for: .milliseconds(50))
        kit.store.release()
        _ = try await removing.value
        await #expect(throws: SecretRefusal.notFound) { try await reading.value }
    }

    @Test("a secret that goes while a release waits takes that lease along; its successor has none")
    func raceWithRemoval() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        kit.store.hold()
        let reading = Task {
            try await kit.server.secretDesk.read(name("a"), by: kit.vaultToken(kit.planner), in: kit.context("GET"))
        }
        try await kit.store.waitUntilHeld()
        let removing = Task { try await kit.server.secretDesk.remove(name("a"), ifRevision: nil, by: kit.keeper()) }
        try await Task.sleep(for: .milliseconds(50))
        kit.store.release()
        let lease = try await reading.value.lease
        try await removing.value
        let stored = try #require(try await kit.store.lease(lease.id))
        #expect(stored.endReason == "the secret was removed")
        try await kit.keep("a")
        let leases = try await kit.server.secretDesk.leases(of: name("a"), after: nil, limit: 10, by: kit.keeper())
        #expect(leases.isEmpty)
    }

    @Test("revoking the task ends its leases: at once, durably, and told of each")
    func leases() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        let token = kit.vaultToken(kit.planner, task: "t-1")
        let released = try await kit.server.secretDesk.read(name("a"), by: token, in: kit.context("GET /vault/values"))
        _ = try await kit.read("a", as: kit.planner)
        let task = try #require(QualifiedName("t-1", of: kit.planner.id))
        try await kit.server.taskDesk.complete(task, reason: nil, by: kit.admin())
        #expect(!kit.server.secretDesk.isLive(released.lease, at: kit.clock.time))
        #expect(try await kit.server.leaseSweep.sweep() == 1)
        let again = try await kit.restarted()
        let stored = try #require(try await again.store.lease(released.lease.id))
        #expect(stored.endedAt != nil)
        #expect(try await again.records().contains { $0.event.name == .leaseEnded })
        #expect(try await again.server.leaseSweep.sweep() == 0)
        let live = try await again.server.secretDesk.leases(of: nil, after: nil, limit: 10, by: again.keeper())
        #expect(live.count == 1 && live.first?.id != released.lease.id)
    }

    @Test("an operator ends one lease; a lease ends with its time")
    func ending() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner], with: ["lease_ttl": 60])
        let desk = kit.server.secretDesk
        let first = try await desk.read(name("a"), by: kit.vaultToken(kit.planner), in: kit.context("GET"))
        let second = try await desk.read(name("a"), by: kit.vaultToken(kit.planner), in: kit.context("GET"))
        _ = try await desk.endLease(first.lease.id, reason: "spilt", by: kit.keeper())
        await #expect(throws: SecretRefusal.missing("there is no such lease, or it has ended")) {
            try await desk.endLease(first.lease.id, reason: nil, by: kit.keeper())
        }
        #expect(try await desk.leases(of: name("a"), after: nil, limit: 10, by: kit.keeper()) == [second.lease])
        kit.clock.advance(seconds: 60)
        #expect(try await desk.leases(of: name("a"), after: nil, limit: 10, by: kit.keeper()).isEmpty)
    }
}
