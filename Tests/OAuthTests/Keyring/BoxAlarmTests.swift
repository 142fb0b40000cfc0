import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Sealed boxes that do not open")
struct BoxAlarmTests {
    private let a = LegateKit.secretName("a")

    private func refused(_ kit: LegateKit) async throws -> [AuditEvent] {
        try await kit.records().map(\.event).filter { $0.name == .boxRefused }
    }

    /// One record and one alarm, both about this place.
    private func expectOne(_ target: String, from endpoint: String, _ kit: LegateKit) async throws {
        let events = try await refused(kit)
        #expect(events.map(\.target) == [target] && events.first?.decision == .deny)
        #expect(events.first?.apiEndpoint == endpoint && events.first?.policyEvaluation?.rule == "sealed_box")
        #expect(kit.alarms.targets(.boxRefused) == [target])
    }

    @Test("a read: every one is on record beside its release, the bell rings once, nothing is served")
    func read() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        try await kit.flip("secret_versions", row: "a")
        for _ in 0..<3 {
            await #expect(throws: SecretRefusal.damaged) { try await kit.read("a", as: kit.planner) }
        }
        #expect(try await refused(kit).map(\.target) == Array(repeating: "secret_versions/a/versions/1", count: 3))
        #expect(kit.alarms.targets(.boxRefused) == ["secret_versions/a/versions/1"])
    }

    @Test("a box that opens again ends the trouble: the next one rings again")
    func again() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        for round in 1...2 {
            try await kit.flip("secret_versions", row: "a")
            await #expect(throws: SecretRefusal.damaged) { try await kit.read("a", as: kit.planner) }
            #expect(kit.alarms.targets(.boxRefused).count == round)
            try await kit.flip("secret_versions", row: "a")
            #expect(try await kit.read("a", as: kit.planner) == "s3cr3t")
        }
    }

    @Test("trouble that lasts rings again when a day is over")
    func daily() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        try await kit.flip("secret_versions", row: "a")
        for (seconds, rings) in [(0, 1), (86_399, 1), (1, 2)] {
            kit.clock.advance(seconds: seconds)
            await #expect(throws: SecretRefusal.damaged) { try await kit.read("a", as: kit.planner) }
            #expect(kit.alarms.targets(.boxRefused).count == rings)
        }
    }

    @Test("a secret that was removed and made anew: trouble with the new one rings, though nobody has read it yet")
    func recreated() async throws {
        let kit = try await LegateKit.start()
        for rings in 1...2 {
            try await kit.keep("a", readers: [kit.planner])
            try await kit.flip("secret_versions", row: "a")
            await #expect(throws: SecretRefusal.damaged) { try await kit.read("a", as: kit.planner) }
            #expect(kit.alarms.targets(.boxRefused).count == rings)
            try await kit.server.secretDesk.remove(a, ifRevision: nil, by: kit.keeper())
        }
    }

    @Test("an import finds it, mends it when it may, and says so")
    func imported() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        try await kit.flip("secret_versions", row: "a")
        let order = SecretImport(
            items: [.init(name: a, value: Secret(Array("s3cr3t".utf8)))], readers: [], overwrites: true,
            isDryRun: false)
        let steps = try await kit.server.secretDesk.bringIn(order, by: kit.keeper())
        #expect(steps.map(\.action) == [.newVersion])
        #expect(try await kit.read("a", as: kit.planner) == "s3cr3t")
        #expect(kit.alarms.targets(.boxRefused) == ["secret_versions/a/versions/1"])
    }

    @Test("what could not be recorded is told by the next who meets it")
    func unrecorded() async throws {
        let kit = try await LegateKit.start()
        let place = Place(table: "secret_versions", row: "a", purpose: "secret value")
        let error = VaultError.cannotOpen(place: place.description)
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) {
            try await kit.server.boxAlarm.report(error, at: place, for: .work("work"))
        }
        #expect(kit.alarms.all.isEmpty)
        kit.store.fail(false)
        for _ in 0..<2 { try await kit.server.boxAlarm.report(error, at: place, for: .work("work")) }
        try await expectOne("secret_versions/a/versions/1", from: "work", kit)
    }

    @Test("a server that was sealed opens nothing, and that is no damage")
    func sealed() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        kit.barrier.replace(.forgotten)
        await #expect(throws: LedgerUnavailable.self) { try await kit.read("a", as: kit.planner) }
        let isTold = try await !refused(kit).isEmpty
        #expect(!isTold && kit.alarms.all.isEmpty)
    }

    @Test("sealing anew")
    func reseal() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", readers: [kit.planner])
        try await kit.flip("secret_versions", row: "a")
        try await kit.server.keyringDesk.rotate(by: kit.admin())
        for _ in 0..<2 { try await kit.server.keyringDesk.resealer.pass() }
        try await expectOne("secret_versions/a/versions/1", from: "re-sealing", kit)
    }

    @Test("a connection that is to be refreshed: the provider is not asked, and the box is told once")
    func refresh() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        let connection = try await kit.connect(provider, readers: [kit.planner])
        try await kit.flip("connections", row: connection.id.text)
        for _ in 0..<2 {
            kit.clock.advance(seconds: 3600)
            await #expect(throws: SecretRefusal.self) {
                try await kit.read(LegateKit.github.text, as: kit.planner)
            }
        }
        #expect(provider.refreshes == 0)
        let target = "connections/\(connection.id.text)/versions/\(connection.boxVersion)"
        try await expectOne(target, from: "connection refresh", kit)
    }

    @Test("a connection that is ended: the answer says that the provider could not be told")
    func disconnect() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        let connection = try await kit.connect(provider)
        try await kit.flip("connections", row: connection.id.text)
        let ended = try await kit.connections.disconnect(LegateKit.github, by: kit.keeper())
        #expect(ended.isRevoked == false && provider.revoked.isEmpty)
        let target = "connections/\(connection.id.text)/versions/\(connection.boxVersion)"
        try await expectOne(target, from: "PUT /vault/secrets", kit)
    }

    @Test("a pending version stays for whoever looks into it: the rotation fails, and goes on when it opens again")
    func pending() async throws {
        let kit = try await LegateKit.start()
        try await kit.generatePending("a", readers: [kit.planner])
        kit.courier.answer(then: PushAnswer(status: 204))
        try await kit.flip("secret_versions", row: "a", version: 2)
        let pushes = kit.courier.pushes.count
        for _ in 0..<2 {
            kit.clock.advance(seconds: 3600)
            let outcomes = await kit.rotateDue()
            guard case .failed? = outcomes.first, outcomes.count == 1 else {
                Issue.record("\(outcomes)")
                return
            }
        }
        #expect(kit.courier.pushes.count == pushes && kit.secret("a")?.current == 1)
        #expect(kit.plan("a")?.pending?.version == 2)
        #expect(try await kit.store.secretVersions(of: a).map(\.state) == [.live, .pending])
        try await expectOne("secret_versions/a/versions/2", from: "rotation schedule", kit)
        try await kit.flip("secret_versions", row: "a", version: 2)
        kit.clock.advance(seconds: 3600)
        await kit.rotateDue()
        #expect(kit.secret("a")?.current == 2)
    }

    @Test("a pending version that is not needed any more is not erased either")
    func unneeded() async throws {
        let kit = try await LegateKit.start()
        try await kit.generatePending("a", readers: [kit.planner])
        try await kit.flip("secret_versions", row: "a", version: 2)
        let box = try #require(try await kit.store.secretBox(of: a, version: 2))
        _ = try await kit.server.secretDesk.update(a, patch: ["rotation": .null], ifRevision: nil, by: kit.keeper())
        await kit.rotateDue()
        #expect(kit.plan("a") == nil)
        #expect(try await kit.store.secretBox(of: a, version: 2) == box)
        try await expectOne("secret_versions/a/versions/2", from: "rotation schedule", kit)
        // Nor can anybody read it when it opens again.
        try await kit.flip("secret_versions", row: "a", version: 2)
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 2, as: kit.planner) }
    }

    @Test("what a receiver is called with: nothing is sent, and the event waits")
    func push() async throws {
        let kit = try await LegateKit.start()
        let draft: JSONObject = [
            "receiver_id": "siem", "endpoint": "https://siem.example.com/events", "authorization_header": "Bearer s",
        ]
        try await kit.create(.receiver, draft)
        try await kit.flip("event_receivers", row: "siem")
        try await kit.end(.delegation, "dlg_1")
        let siem = try #require(ReceiverID("siem"))
        let delivery = Task { await kit.server.eventDispatcher.run() }
        defer { delivery.cancel() }
        for _ in 0..<1000 where kit.alarms.all.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        #expect(kit.courier.pushes.isEmpty)
        #expect(try await kit.store.events(for: siem, limit: 9).count == 1)
        try await expectOne("event_receivers/siem/versions/1", from: "push", kit)
    }
}

extension LegateKit {
    /// Turns a bit of a stored box, as somebody who writes to the database could; a second time turns it back.
    func flip(_ table: String, row: String, version: Int? = nil) async throws {
        for term in barrier.keyring.terms {
            let boxes = try await store.boxes(in: table, under: term, after: .min, limit: 100)
            for stored in boxes where stored.place.row == row {
                if let version, version != stored.place.version { continue }
                var box = stored.box
                box[box.count - 1] ^= 1
                try await server.ledger.commit(
                    Entry(changes: [.keyring(.reseal([ResealedBox(old: stored, box: box)]))]))
                return
            }
        }
        Issue.record("there is no such box: \(table)/\(row)")
    }
}
