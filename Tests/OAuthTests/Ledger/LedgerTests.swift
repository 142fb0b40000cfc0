import JOSE
import Revocations
import Support
import Synchronization
import Testing
import Vault

@testable import OAuth

@Suite("The ledger")
struct LedgerTests {
    private func event(_ text: String) -> AuditEvent {
        var event = AuditEvent(timestamp: TestClock.start.milliseconds, name: .tokenIssued, decision: .allow)
        event.requestContext = text
        return event
    }

    @Test("what arrives while a transaction is written goes into the next one, together")
    func batching() async throws {
        let kit = try await LegateKit.start()
        let before = kit.auditCount
        kit.store.hold()
        async let first: Committed = kit.server.ledger.commit(Entry(audit: [event("first")]))
        try await kit.store.waitUntilHeld()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<100 {
                group.addTask { try await kit.server.ledger.commit(Entry(audit: [self.event("\(index)")])) }
            }
            try await Task.sleep(for: .milliseconds(100))
            #expect(kit.store.held == 1)
            kit.store.release()
            try await group.waitForAll()
        }
        _ = try await first
        #expect(kit.store.batches.first == 1)
        #expect(kit.store.batches.reduce(0, +) == 101)
        #expect(kit.store.batches.count <= 4)
        #expect(kit.auditCount == before + 101)
    }

    @Test("records are linked in the order of their entries, without a gap")
    func order() async throws {
        let kit = try await LegateKit.start()
        for index in 0..<20 {
            try await kit.server.ledger.commit(Entry(audit: [event("\(index)-a"), event("\(index)-b")]))
        }
        let records = try await kit.records()
        #expect(records.map(\.sequence) == Array(1...Int64(records.count)))
        let texts = records.compactMap(\.event.requestContext)
        #expect(texts == (0..<20).flatMap { ["\($0)-a", "\($0)-b"] })
        for (earlier, later) in zip(records, records.dropFirst()) { #expect(later.previousHash == earlier.hash) }
        #expect(
            kit.server.ledger.auditHead
                == AuditHead(sequence: records.last?.sequence ?? 0, hash: records.last?.hash ?? []))
    }

    @Test("an entry that fails leaves nothing behind and does not disturb the others of its batch")
    func failedEntry() async throws {
        let kit = try await LegateKit.start()
        let spend = Spend(digest: [UInt8](repeating: 7, count: 32), expires: kit.clock.time.adding(seconds: 60))
        kit.store.hold()
        async let holding: Committed = kit.server.ledger.commit(Entry(audit: [event("holding")]))
        try await kit.store.waitUntilHeld()
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<10 {
                group.addTask {
                    let entry = Entry(changes: [.spend(spend)], audit: [self.event("spender \(index)")])
                    do {
                        try await kit.server.ledger.commit(entry)
                        return true
                    } catch {
                        #expect(error as? CommitFailure == .spent)
                        return false
                    }
                }
                group.addTask { (try? await kit.server.ledger.commit(Entry(audit: [self.event("bystander")]))) != nil }
            }
            try? await Task.sleep(for: .milliseconds(50))
            kit.store.release()
            return await group.reduce(into: [true: 0, false: 0]) { $0[$1, default: 0] += 1 }
        }
        _ = try await holding
        #expect(outcomes == [true: 11, false: 9])
        let texts = try await kit.records().compactMap(\.event.requestContext)
        #expect(texts.filter { $0.hasPrefix("spender") }.count == 1)
        #expect(texts.filter { $0 == "bystander" }.count == 10)
        #expect(kit.server.ledger.isHealthy)
        #expect(try await kit.server.auditTrail.verify(for: kit.admin())["valid"] == true)
    }

    @Test("when storage fails nothing has happened, and the next entry takes the same number")
    func storageFails() async throws {
        let kit = try await LegateKit.start()
        let head = kit.server.ledger.auditHead
        kit.store.fail(true)
        for _ in 0..<3 {
            await #expect(throws: LedgerUnavailable.self) {
                try await kit.server.ledger.commit(
                    Entry(changes: [.close(.task, id: "planner/t", until: nil)], audit: [self.event("lost")]))
            }
        }
        #expect(kit.server.ledger.auditHead == head)
        #expect(!kit.server.ledger.isHealthy)
        #expect(!kit.server.registry.isClosed(.task, "planner/t", at: kit.clock.time))
        kit.store.fail(false)
        try await kit.server.ledger.commit(Entry(audit: [event("found")]))
        #expect(kit.server.ledger.isHealthy)
        #expect(try await kit.lastRecord()?.sequence == head.sequence + 1)
        #expect(try await kit.records().contains { $0.event.requestContext == "lost" } == false)
    }

    @Test("the registry sees a change when it is durable, not before")
    func appliedAfter() async throws {
        let kit = try await LegateKit.start()
        kit.store.hold()
        async let made = kit.create(.client, ["client_id": "new", "name": "New"])
        try await kit.store.waitUntilHeld()
        #expect(kit.client(World.id("new")) == nil)
        kit.store.release()
        _ = try await made
        #expect(kit.client(World.id("new")) != nil)
    }

    @Test("a token whose client was revoked while it waited is not issued")
    func revokedWaiting() async throws {
        let kit = try await LegateKit.start()
        kit.store.hold()
        async let holding: Committed = kit.server.ledger.commit(Entry(audit: [event("holding")]))
        try await kit.store.waitUntilHeld()
        async let revoking: Committed = kit.server.ledger.commit(
            Entry(changes: [.revoke(Revocation(.client, "planner", at: kit.clock.time))])
        )
        try await Task.sleep(for: .milliseconds(30))
        let token = TokenIdentity(
            jti: "t", issuedAt: kit.clock.time.seconds, subject: "planner", clientID: kit.planner.id)
        let entry = Entry(audit: [event("issued")], issues: token)
        let issuing = Task { try await kit.server.ledger.commit(entry) }
        try await Task.sleep(for: .milliseconds(30))
        kit.store.release()
        _ = try await (holding, revoking)
        await #expect(throws: CommitFailure.revoked) { try await issuing.value }
        #expect(try await kit.records().contains { $0.event.requestContext == "issued" } == false)
    }

    @Test("a tombstone that takes long to store does not let a token of the next second through")
    func slowTombstone() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        kit.clock.advance(.milliseconds(990))
        kit.store.hold()
        async let revoking = kit.server.registrar.revokeDelegation(delegation.id.text, reason: nil, by: kit.admin())
        try await kit.store.waitUntilHeld()
        // The tombstone is of the last second, the registry does not know yet that the delegation is revoked.
        kit.clock.advance(.milliseconds(20))
        async let outcome = Task { try await kit.act(by: kit.planner) }.result
        try await Task.sleep(for: .milliseconds(50))
        kit.store.release()
        _ = try await revoking
        switch await outcome {
        case .success: Issue.record("a token was issued under a revoked delegation")
        case .failure(let error): #expect((error as? OAuthError)?.code == .invalidRequest, "\(error)")
        }
    }

    /// A ledger in the place of the server's.
    private func ledger(
        _ kit: LegateKit, delay: Duration, observer: @escaping Ledger.Observer = { _, _ in }
    ) -> Ledger {
        Ledger(
            store: kit.store, registry: kit.server.registry, revocations: kit.server.revocations,
            feed: kit.server.revocationFeed, head: kit.server.ledger.auditHead, auditKey: kit.auditKey,
            now: kit.clock.now, delay: delay, observer: observer
        )
    }

    /// Has a ledger write a batch of one and a batch of eight, after which it waits for eight.
    private func load(_ ledger: Ledger, of kit: LegateKit) async throws {
        kit.store.hold()
        commit(1, to: ledger)
        try await kit.store.waitUntilHeld()
        commit(8, to: ledger)
        try await pending(8, of: ledger)
        kit.store.release()
        try await written([1, 8], of: kit)
        try await soon { ledger.isDelayed }
    }

    /// Commits without waiting for it.
    private func commit(_ count: Int, to ledger: Ledger) {
        for index in 0..<count { Task { try await ledger.commit(Entry(audit: [event("\(index)")])) } }
    }

    private func revoke(_ ledger: Ledger, at now: Timestamp) {
        let revocation = Revocation(
            kind: .task, id: "planner/t", issuedBefore: now.seconds, expires: now.seconds + 900)
        Task { try await ledger.commit(Entry(changes: [.revoke(revocation)])) }
    }

    private func pending(_ count: Int, of ledger: Ledger) async throws {
        try await soon { ledger.waiting == count }
    }

    private func written(
        _ batches: [Int], of kit: LegateKit, at location: SourceLocation = #_sourceLocation
    ) async throws {
        try await soon { kit.store.batches == batches }
        #expect(kit.store.batches == batches, sourceLocation: location)
    }

    private func soon(_ condition: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(30)
        while !condition(), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(1)) }
    }

    @Test("under load a transaction waits for as many entries as the last one had")
    func siblings() async throws {
        let kit = try await LegateKit.start()
        let ledger = ledger(kit, delay: .seconds(3600))
        try await load(ledger, of: kit)
        commit(7, to: ledger)
        try await pending(7, of: ledger)
        try await Task.sleep(for: .milliseconds(50))
        #expect(ledger.waiting == 7)
        commit(1, to: ledger)
        try await written([1, 8, 8], of: kit)
    }

    @Test("whoever revokes something does not wait for others, and takes along those who do")
    func urgent() async throws {
        let kit = try await LegateKit.start()
        let ledger = ledger(kit, delay: .seconds(3600))
        try await load(ledger, of: kit)
        commit(3, to: ledger)
        try await pending(3, of: ledger)
        revoke(ledger, at: kit.clock.time)
        try await written([1, 8, 4], of: kit)
    }

    @Test("whoever revokes something while a batch is written does not wait after it")
    func urgentBefore() async throws {
        let kit = try await LegateKit.start()
        let ledger = ledger(kit, delay: .seconds(3600))
        try await load(ledger, of: kit)
        kit.store.hold()
        commit(8, to: ledger)
        try await kit.store.waitUntilHeld()
        revoke(ledger, at: kit.clock.time)
        try await pending(1, of: ledger)
        kit.store.release()
        try await written([1, 8, 8, 1], of: kit)
    }

    @Test("nobody waits longer than the delay")
    func delay() async throws {
        let kit = try await LegateKit.start()
        let ledger = ledger(kit, delay: .milliseconds(500))
        try await load(ledger, of: kit)
        commit(3, to: ledger)
        try await soon { kit.store.batches.reduce(0, +) == 12 }
        #expect(kit.store.batches.reduce(0, +) == 12)
    }

    @Test("a ledger that closes writes at once what was waiting")
    func closing() async throws {
        let kit = try await LegateKit.start()
        let ledger = ledger(kit, delay: .seconds(3600))
        try await load(ledger, of: kit)
        commit(3, to: ledger)
        try await pending(3, of: ledger)
        Task { await ledger.close() }
        try await written([1, 8, 3], of: kit)
    }

    @Test("every batch is reported with its size")
    func observed() async throws {
        let kit = try await LegateKit.start()
        let sizes = Mutex<[Int]>([])
        let ledger = ledger(kit, delay: .zero) { count, duration in
            sizes.withLock { $0.append(count) }
            #expect(duration > .zero)
        }
        try await ledger.commit(Entry(audit: [event("one")]))
        try await ledger.commit(Entry(audit: [event("two")]))
        #expect(sizes.withLock { $0 } == [1, 1])
    }
}
