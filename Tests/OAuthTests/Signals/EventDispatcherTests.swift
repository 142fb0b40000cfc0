import JOSE
import Revocations
import Support
import Synchronization
import Testing
import Vault

@testable import OAuth

@Suite("Bringing security events to their receivers")
struct EventDispatcherTests {
    private static let endpoint = "https://siem.example.com/events"

    private func start(_ more: JSONObject = [:]) async throws -> LegateKit {
        let kit = try await LegateKit.start()
        let draft: JSONObject = ["receiver_id": "siem", "endpoint": .string(Self.endpoint)]
        try await kit.create(.receiver, draft.merging(patch: more))
        return kit
    }

    private func queued(_ kit: LegateKit, _ receiver: String = "siem") async throws -> [OutgoingEvent] {
        try await kit.store.events(for: try #require(ReceiverID(receiver)), limit: 1000)
    }

    /// Delivers until `isDone`, for ten seconds at most.
    private func deliver(_ kit: LegateKit, until isDone: () async throws -> Bool) async throws {
        let delivery = Task { await kit.server.eventDispatcher.run() }
        defer { delivery.cancel() }
        for _ in 0..<1000 {
            if try await isDone() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("it did not come to an end")
    }

    private func claims(_ push: StubCourier.Push, _ kit: LegateKit) throws -> JSONObject {
        try UnverifiedJWT(push.token).verified(
            with: kit.server.keys.published(at: kit.clock.time), types: .exactly("secevent+jwt")
        ).claims
    }

    @Test("what is revoked is told in a signed event, once")
    func delivered() async throws {
        let kit = try await start(["audience": "siem", "authorization_header": "Bearer s"])
        try await kit.end(.delegation, "dlg_1", reason: "left")
        #expect(try await queued(kit).count == 1)
        try await deliver(kit) { try await queued(kit).isEmpty }
        let push = try #require(kit.courier.pushes.first)
        #expect(kit.courier.pushes.count == 1)
        #expect(push.endpoint == Self.endpoint && push.authorization == Secret(Array("Bearer s".utf8)))
        let claims = try claims(push, kit)
        #expect(
            Set(claims.members.map(\.name)) == ["iss", "iat", "jti", "aud", "txn", "sub_id", "events"])
        #expect(claims["aud"]?.string == "siem" && claims["iss"]?.string == kit.issuer.text)
        #expect(claims["sub_id"]?.object == ["format": "opaque", "id": "delegation/dlg_1"])
        #expect(
            claims["events"]?.object == [
                "https://schemas.openid.net/secevent/caep/event-type/session-revoked": .object([
                    "event_timestamp": .integer(TestClock.start.seconds), "reason_admin": .object(["en": "left"]),
                ])
            ])
    }

    @Test("revocation and event are one transaction: without the one there is not the other")
    func together() async throws {
        let kit = try await start()
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.end(.client, "planner") }
        kit.store.fail(false)
        #expect(try await queued(kit).isEmpty)
        try await kit.end(.client, "planner")
        let again = try await kit.restarted()
        #expect(try await queued(again).count == 1)
        try await deliver(again) { try await queued(again).isEmpty }
        #expect(kit.courier.pushes.count == 1)
    }

    @Test("deleting a client tells of it and of each of its delegations")
    func everyTombstone() async throws {
        let kit = try await start()
        for user in ["alice", "bob"] { try await kit.delegate(from: user, to: kit.planner) }
        try await kit.delete(.client, "planner")
        #expect(try await queued(kit).count == 3)
    }

    @Test("a receiver that fails is tried again with the same event, and the rest waits in order")
    func retried() async throws {
        let kit = try await start()
        kit.courier.answer([nil, PushAnswer(status: 302), PushAnswer(status: 202)], then: PushAnswer(status: 202))
        try await kit.end(.task, "planner/one")
        try await kit.end(.task, "planner/two")
        try await deliver(kit) { try await queued(kit).isEmpty }
        let told = try kit.courier.pushes.map { try claims($0, kit) }
        let ids = told.map { $0["sub_id"]?.object?["id"]?.string }
        #expect(ids == ["task/planner/one", "task/planner/one", "task/planner/one", "task/planner/two"])
        #expect(Set(told.map { $0["jti"]?.string }).count == 2)
    }

    @Test("a refusal is final and on record, unless it is about credentials")
    func refused() async throws {
        let kit = try await start()
        kit.courier.answer(
            [PushAnswer(status: 400, refusal: "access_denied"), PushAnswer(status: 400, refusal: "invalid_request")],
            then: PushAnswer(status: 202)
        )
        try await kit.end(.task, "planner/one")
        try await deliver(kit) { try await queued(kit).isEmpty }
        #expect(kit.courier.pushes.count == 2)
        let record = try #require(try await kit.lastRecord())
        #expect(record.event.name == .eventRejected && record.event.target == "receiver/siem")
        #expect(record.event.policyEvaluation?.reason?.hasSuffix(": invalid_request") == true)
    }

    @Test("one that does not answer holds up nobody else")
    func apart() async throws {
        let kit = try await start()
        try await kit.create(.receiver, ["receiver_id": "poll", "client_id": "gateway"])
        kit.courier.answer(then: nil)
        try await kit.end(.task, "planner/one")
        try await deliver(kit) { !kit.courier.pushes.isEmpty }
        #expect(try await queued(kit).count == 1)
        #expect(try await queued(kit, "poll").count == 1)
    }

    @Test("whoever asked hears that a secret has rotated, or a client's, and never the value")
    func rotated() async throws {
        let kit = try await start(["events": ["credential-change"]])
        try await kit.generate("db/password", every: 3600, readers: [kit.planner])
        await kit.rotateDue()
        kit.clock.advance(seconds: 3600)
        await kit.rotateDue()
        _ = try await kit.server.registrar.rotateSecret(of: "planner", grace: 60, by: kit.admin())
        let events = try await queued(kit)
        #expect(events.count == 2)
        // Both are of one moment: no order between them.
        var subjects: [String: JSONObject] = [:]
        for event in events {
            let claims = try #require(try JSON(parsing: event.claims).object)
            let change = claims["events"]?.object?[SecurityEventType.credentialChange.rawValue]?.object
            #expect(change?["change_type"]?.string == "update")
            subjects[try #require(change?["credential_type"]?.string)] = claims["sub_id"]?.object
        }
        #expect(subjects["vault-secret"]?["id"]?.string == "secret/db/password")
        #expect(subjects["client-secret"]?["sub"]?.string == "planner")
        let value = try await kit.read("db/password", as: kit.planner)
        #expect(!events.contains { $0.claims.contains(value) })
    }

    @Test("a receiver gets what it asked for, and nothing while it is disabled")
    func chosen() async throws {
        let kit = try await start(["events": ["credential-change"]])
        try await kit.end(.task, "planner/one")
        #expect(try await queued(kit).isEmpty)
        let key = try #require(kit.server.keys.active(.es256, at: kit.clock.time)).keyID
        try await kit.end(.key, key)
        let event = try #require(try await queued(kit).first)
        #expect(event.claims.contains("credential-change") && event.claims.contains("key/\(key)"))
        try await kit.update(.receiver, "siem", ["enabled": false, "events": ["session-revoked"]])
        try await kit.end(.task, "planner/two")
        #expect(try await queued(kit).count == 1)
        try await kit.delete(.receiver, "siem")
        #expect(try await queued(kit).isEmpty)
    }

    @Test("what is too old is dropped, with a record that says how much")
    func dropped() async throws {
        let kit = try await start()
        for number in 0..<3 { try await kit.end(.task, "planner/\(number)") }
        kit.clock.advance(seconds: EventDispatcher.greatestAge + 10)
        try await kit.end(.task, "planner/young")
        try await kit.server.prune()
        #expect(try await queued(kit).count == 1)
        let record = try #require(try await kit.lastRecord())
        #expect(record.event.name == .eventDropped && record.event.decision == .deny)
        #expect(record.event.policyEvaluation?.reason?.hasPrefix("3 ") == true)
        try await kit.server.prune()
        #expect(try await kit.lastRecord()?.sequence == record.sequence)
    }

    @Test("delivery ends when it is told to, and lets those who poll go")
    func ends() async throws {
        let kit = try await LegateKit.start()
        try await kit.create(.receiver, ["client_id": "gateway"])
        let delivery = Task { await kit.server.eventDispatcher.run() }
        let polling = Task {
            try await kit.server.streamDesk.poll(try EventPollRequest([:]), by: World.id("gateway"))
        }
        try await Task.sleep(for: .milliseconds(50))
        delivery.cancel()
        await delivery.value
        #expect(try await polling.value["sets"]?.object?.isEmpty == true)
    }
}
