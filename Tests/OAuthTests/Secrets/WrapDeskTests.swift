import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Wrapping")
struct WrapDeskTests {
    private let name = LegateKit.secretName("payments/stripe")

    private static func start(with more: JSONObject = [:]) async throws -> LegateKit {
        let kit = try await LegateKit.start()
        try await kit.keep("payments/stripe", readers: [kit.planner], with: more)
        return kit
    }

    private func wrap(_ kit: LegateKit, for seconds: Int = 60, task: String? = nil) async throws -> WrappedSecret {
        try await kit.server.wrapDesk.wrap(
            name, for: seconds, by: kit.vaultToken(kit.planner, task: task), in: kit.context("GET /vault/values")
        )
    }

    @discardableResult
    private func open(_ kit: LegateKit, _ reference: String, as party: Party? = nil) async throws -> ReleasedSecret {
        try await kit.server.wrapDesk.open(
            reference, by: kit.vaultToken(party ?? kit.worker), in: kit.context("POST /vault/unwrap")
        )
    }

    @Test("a reference stands for the value and opens once, also for one who may not read it")
    func once() async throws {
        let kit = try await Self.start()
        let wrapped = try await wrap(kit)
        #expect(wrapped.reference.hasPrefix("legate_wrap_") && wrapped.reference.count == 64)
        let opened = try await open(kit, wrapped.reference)
        #expect(opened.value.text == "s3cr3t" && opened.lease == wrapped.lease)
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("payments/stripe", as: kit.worker) }
    }

    @Test("the second opening is refused and told of: what, who wrapped, who opened first, who came second")
    func twice() async throws {
        let kit = try await Self.start()
        let wrapped = try await wrap(kit)
        _ = try await open(kit, wrapped.reference)
        do {
            _ = try await open(kit, wrapped.reference, as: kit.runner)
            Issue.record("opened twice")
        } catch SecretRefusal.conflict(let reason) {
            #expect(reason.contains("opened before"))
        }
        let event = try #require(try await kit.lastRecord()?.event)
        #expect(event.name == .secretUnwrappedTwice && event.decision == .deny)
        #expect(event.target == "secret/payments/stripe" && event.clientID == "runner")
        let details = try #require(try JSON(parsing: event.after ?? "").object)
        #expect(
            details["severity"] == "alert" && details["wrapped_by"] == "planner" && details["opened_by"] == "worker")
    }

    @Test("of many who open at once, one has the value")
    func race() async throws {
        let kit = try await Self.start()
        let wrapped = try await wrap(kit)
        let opened = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do {
                        _ = try await open(kit, wrapped.reference)
                        return 1
                    } catch SecretRefusal.conflict(_) {
                        return 0
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(opened == 1)
        #expect(try await kit.records().filter { $0.event.name == .secretUnwrappedTwice }.count == 19)
    }

    @Test("who may not read the secret cannot wrap it, and wrapping is recorded like reading")
    func mayWrap() async throws {
        let kit = try await Self.start()
        let desk = kit.server.wrapDesk
        await #expect(throws: SecretRefusal.notFound) {
            try await desk.wrap(name, for: 60, by: kit.vaultToken(kit.worker), in: kit.context("GET"))
        }
        await expectRefusal(.insufficientScope) {
            try await desk.wrap(
                name, for: 60, by: kit.vaultToken(kit.planner, scopes: SecretDesk.writeScope), in: kit.context("GET"))
        }
        let count = kit.auditCount
        let wrapped = try await wrap(kit)
        let records = try await kit.records().suffix(Int(kit.auditCount - count)).map(\.event)
        #expect(Set(records.map(\.name)) == [.secretWrapped, .secretReleased])
        _ = try await open(kit, wrapped.reference)
        let event = try #require(try await kit.lastRecord()?.event)
        #expect(event.name == .secretUnwrapped && event.clientID == "worker")
        #expect(event.after?.contains(#""wrapped_by":"planner""#) == true)
        #expect(event.after?.contains(wrapped.lease.id.text) == true)
        #expect(try await kit.records().contains { "\($0)".contains(wrapped.reference) } == false)
    }

    @Test("opening needs a token that may read, whatever reference is shown")
    func mayOpen() async throws {
        let kit = try await Self.start()
        let wrapped = try await wrap(kit)
        await expectRefusal(.insufficientScope) {
            try await kit.server.wrapDesk.open(
                wrapped.reference, by: kit.vaultToken(kit.worker, scopes: SecretDesk.writeScope),
                in: kit.context("POST"))
        }
        _ = try await open(kit, wrapped.reference)
    }

    @Test("a reference ends with its time, and never outlives its lease")
    func ends() async throws {
        let kit = try await Self.start(with: ["lease_ttl": 30])
        let short = try await wrap(kit, for: 10)
        let long = try await wrap(kit, for: 86_400)
        #expect(short.expiresAt == kit.clock.time.adding(seconds: 10))
        #expect(long.expiresAt == kit.clock.time.adding(seconds: 30))
        kit.clock.advance(seconds: 10)
        await #expect(throws: SecretRefusal.notFound) { try await open(kit, short.reference) }
        kit.clock.advance(seconds: 20)
        await #expect(throws: SecretRefusal.notFound) { try await open(kit, long.reference) }
        for seconds in [0, -1, 86_401] {
            await expectInvalid("wrap_ttl") { try await wrap(kit, for: seconds) }
        }
    }

    @Test("whatever ends the lease of the one who wrapped ends the reference")
    func dies() async throws {
        let kit = try await Self.start()
        let byTask = try await wrap(kit, task: "t-1")
        let task = try #require(QualifiedName("t-1", of: kit.planner.id))
        try await kit.server.taskDesk.complete(task, reason: nil, by: kit.admin())
        await #expect(throws: SecretRefusal.notFound) { try await open(kit, byTask.reference) }

        let byHand = try await wrap(kit)
        _ = try await kit.server.secretDesk.endLease(byHand.lease.id, reason: nil, by: kit.keeper())
        await #expect(throws: SecretRefusal.notFound) { try await open(kit, byHand.reference) }

        let byRule = try await wrap(kit)
        _ = try await kit.server.secretDesk.disallow(name, where: { _ in true }, by: kit.keeper())
        await #expect(throws: SecretRefusal.notFound) { try await open(kit, byRule.reference) }
    }

    @Test("a tombstone that is long forgotten has still ended the reference")
    func longAgo() async throws {
        let kit = try await Self.start(with: ["lease_ttl": 86_400])
        let wrapped = try await wrap(kit, for: 86_400, task: "t-1")
        try await kit.end(.task, "planner/t-1")
        try await kit.server.leaseSweep.sweep()
        kit.clock.advance(seconds: 3600)
        try await kit.server.prune()
        let again = try await kit.restarted()
        await #expect(throws: SecretRefusal.notFound) { try await open(again, wrapped.reference) }
    }

    @Test("a version that cannot be read any more is not had by a reference either; the wrapped version is the one")
    func versions() async throws {
        let kit = try await Self.start()
        let first = try await wrap(kit)
        let second = try await wrap(kit)
        try await kit.server.secretDesk.put(Secret(Array("new".utf8)), into: name, by: kit.keeper())
        #expect(try await open(kit, first.reference).value.text == "s3cr3t")
        try await kit.server.secretDesk.destroy(name, version: 1, by: kit.keeper())
        await #expect(throws: SecretRefusal.notFound) { try await open(kit, second.reference) }
    }

    @Test("references survive a restart; what was opened stays opened; the database holds no reference")
    func restart() async throws {
        let kit = try await Self.start()
        let (opened, unopened) = (try await wrap(kit), try await wrap(kit))
        _ = try await open(kit, opened.reference)
        let again = try await kit.restarted()
        await #expect(throws: SecretRefusal.self) { try await open(again, opened.reference) }
        #expect(try await open(again, unopened.reference).value.text == "s3cr3t")
        let second = again.clock.time.adding(seconds: 60 + 86_400)
        try await again.store.prune(at: second)
        let digest = again.digests.digest(of: opened.reference, context: "wrap/reference")
        #expect(try await again.store.wrap(digest) == nil)
    }

    @Test("what was never a reference is not one", arguments: ["", "legate_wrap_", "x", "legate_cs_abc"])
    func unknown(text: String) async throws {
        let kit = try await Self.start()
        let count = kit.auditCount
        await #expect(throws: SecretRefusal.notFound) { try await open(kit, text) }
        #expect(kit.auditCount == count + 1)
        #expect(try await kit.lastRecord()?.event.name == .secretRefused)
    }

    @Test("what cannot be recorded is not opened, and can be opened after")
    func failClosed() async throws {
        let kit = try await Self.start()
        let wrapped = try await wrap(kit)
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await open(kit, wrapped.reference) }
        kit.store.fail(false)
        #expect(try await open(kit, wrapped.reference).value.text == "s3cr3t")
    }
}
