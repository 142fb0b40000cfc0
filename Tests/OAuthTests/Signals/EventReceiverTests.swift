import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Registering event receivers")
struct EventReceiverTests {
    @Test("a receiver with an endpoint is pushed to; its credential is sealed and never shown")
    func push() async throws {
        let kit = try await LegateKit.start()
        let draft: JSONObject = [
            "receiver_id": "siem", "endpoint": "https://siem.example.com/events",
            "authorization_header": "Bearer s3cret",
        ]
        let receiver = try #require(try await kit.create(.receiver, draft).created as? EventReceiver)
        #expect(receiver.unsealed == nil)
        let document = receiver.document(at: kit.clock.time)
        #expect(document["delivery"]?.string == "push" && document["audience"]?.string == receiver.endpoint)
        #expect(document["authorization_set_at"]?.string == "2026-03-01T12:00:00Z")
        #expect(!document.text.contains("s3cret"))
        for record in try await kit.records() { #expect(record.event.after?.contains("s3cret") != true) }
        let box = try #require(receiver.authorization)
        #expect(!String(decoding: box, as: UTF8.self).contains("s3cret"))
        let custodian = KeyCustodian(keys: kit.server.keys, barrier: kit.barrier)
        #expect(try custodian.authorization(of: receiver) == Secret(Array("Bearer s3cret".utf8)))
        #expect(try await kit.restarted().server.registry.eventReceiver(receiver.id) == receiver)
    }

    @Test("a box that was moved to another receiver does not open")
    func moved() async throws {
        let kit = try await LegateKit.start()
        let draft: JSONObject = ["endpoint": "https://siem.example.com/events", "authorization_header": "Bearer s"]
        let receiver = try #require(try await kit.create(.receiver, draft).created as? EventReceiver)
        let thief = EventReceiver(
            id: .make(), endpoint: "https://evil.example.com", clientID: nil, audience: "x",
            authorization: receiver.authorization, authorizationSetAt: kit.clock.time, createdAt: kit.clock.time
        )
        let custodian = KeyCustodian(keys: kit.server.keys, barrier: kit.barrier)
        #expect(throws: VaultError.self) { try custodian.authorization(of: thief) }
    }

    @Test("a change of the credential alone counts as a change")
    func credentialOnly() async throws {
        let kit = try await LegateKit.start()
        try await kit.create(
            .receiver,
            [
                "receiver_id": "siem", "endpoint": "https://siem.example.com/events",
                "authorization_header": "Bearer old",
            ]
        )
        kit.clock.advance(seconds: 1)
        let changed = try await kit.update(.receiver, "siem", ["authorization_header": "Bearer new"])
        let receiver = try #require(changed as? EventReceiver)
        #expect(receiver.revision == 2)
        let custodian = KeyCustodian(keys: kit.server.keys, barrier: kit.barrier)
        #expect(try custodian.authorization(of: receiver) == Secret(Array("Bearer new".utf8)))
        // Anything else leaves it as it is.
        let disabled = try #require(
            try await kit.update(.receiver, "siem", ["enabled": false]) as? EventReceiver)
        #expect(try custodian.authorization(of: disabled) == Secret(Array("Bearer new".utf8)))
    }

    @Test("a client that polls has one stream")
    func onePoll() async throws {
        let kit = try await LegateKit.start()
        try await kit.create(.receiver, ["client_id": "gateway"])
        await #expect(throws: Registrar.Failure.self) { try await kit.create(.receiver, ["client_id": "gateway"]) }
        try await kit.create(.receiver, ["client_id": "gateway", "endpoint": "https://siem.example.com/events"])
        #expect(kit.server.streamDesk.streams(of: World.id("gateway")).count == 2)
    }

    @Test("a client that is deleted leaves its streams to nobody of the same name")
    func orphaned() async throws {
        let kit = try await LegateKit.start()
        try await kit.create(.receiver, ["receiver_id": "poll", "client_id": "gateway"])
        try await kit.create(
            .receiver, ["receiver_id": "push", "client_id": "gateway", "endpoint": "https://siem.example.com/events"])
        try await kit.delete(.client, "gateway")
        let left = kit.server.registry.eventReceivers
        #expect(left.map(\.id.text) == ["push"] && left.first?.clientID == nil && left.first?.revision == 2)
        let names = try await kit.records().map(\.event.name)
        #expect(names.contains(.receiverDeleted) && names.contains(.receiverUpdated))
        #expect(try await kit.restarted().server.registry.eventReceivers == left)
    }

    @Test("what cannot work is refused, with the name of the member")
    func refused() async throws {
        let kit = try await LegateKit.start()
        func create(_ draft: JSONObject) async throws { try await kit.create(.receiver, draft) }
        await expectInvalid("endpoint") { try await create([:]) }
        await expectInvalid("client_id") { try await create(["client_id": "nobody"]) }
        for url in ["http://siem.example.com/", "siem", "https://u@siem.example.com/", "https://siem.example.com/#x"] {
            await expectInvalid("endpoint") { try await create(["endpoint": .string(url)]) }
        }
        await expectInvalid("events") { try await create(["client_id": "gateway", "events": ["verification"]]) }
        await expectInvalid("authorization_header") {
            try await create(["client_id": "gateway", "authorization_header": "Bearer x"])
        }
        for header in ["a\r\nX-Evil: 1", "\u{fc}", "\t"] {
            await expectInvalid("authorization_header") {
                try await create(["endpoint": "https://siem.example.com", "authorization_header": .string(header)])
            }
        }
        await expectInvalid("authorization") {
            try await create(["endpoint": "https://siem.example.com", "authorization": "x"])
        }
    }

    @Test("who may only read cannot register, and every change is in the trail")
    func scopes() async throws {
        let kit = try await LegateKit.start()
        let reader = kit.admin("revocations:read")
        await expectRefusal(.insufficientScope) {
            try await kit.create(.receiver, ["client_id": "gateway"], by: reader)
        }
        let writer = kit.admin("revocations:write")
        try await kit.create(.receiver, ["client_id": "gateway", "receiver_id": "board"], by: writer)
        try await kit.update(.receiver, "board", ["events": ["session-revoked"]])
        try await kit.delete(.receiver, "board")
        let names = try await kit.records().map(\.event.name).suffix(3)
        #expect(Array(names) == [.receiverCreated, .receiverUpdated, .receiverDeleted])
        #expect(kit.server.registry.eventReceivers.isEmpty)
    }
}
