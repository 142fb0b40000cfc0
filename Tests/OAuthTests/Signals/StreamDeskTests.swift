import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

@Suite("What receivers ask of their event streams")
struct StreamDeskTests {
    private let client = World.id("gateway")

    private func start() async throws -> LegateKit {
        let kit = try await LegateKit.start()
        try await kit.create(.receiver, ["receiver_id": "board", "client_id": "gateway"])
        return kit
    }

    private func poll(_ kit: LegateKit, _ body: JSONObject = [:]) async throws -> JSONObject {
        let request = try EventPollRequest((["returnImmediately": true] as JSONObject).merging(patch: body))
        return try await kit.server.streamDesk.poll(request, by: client)
    }

    private func names(_ answer: JSONObject) -> [String] { answer["sets"]?.object?.members.map(\.name) ?? [] }

    @Test("events come oldest first, again until they are acknowledged, and not after that")
    func acknowledged() async throws {
        let kit = try await start()
        for number in 0..<3 {
            try await kit.end(.task, "planner/\(number)")
        }
        let all = names(try await poll(kit))
        #expect(all.count == 3)
        let first = try await poll(kit, ["maxEvents": 1])
        #expect(names(first) == Array(all.prefix(1)) && first["moreAvailable"]?.bool == true)
        #expect(names(try await poll(kit, ["maxEvents": 1])) == names(first))
        let rest = try await poll(kit, ["ack": .array(names(first).map(JSON.string)), "maxEvents": 2])
        #expect(names(rest) == Array(all.dropFirst()) && rest["moreAvailable"]?.bool == false)
        let last = try await poll(kit, ["ack": .array(names(rest).map(JSON.string)), "maxEvents": 0])
        #expect(last == ["sets": .object([:]), "moreAvailable": false])
        #expect(names(try await poll(try await kit.restarted())).isEmpty)
    }

    @Test("a refusal is on record once, and only of what was really waiting")
    func refused() async throws {
        let kit = try await start()
        try await kit.end(.task, "planner/t")
        let jti = try #require(names(try await poll(kit)).first)
        let count = kit.auditCount
        let errors: JSONObject = [
            jti: .object(["err": "invalid_audience"]), "unheard-of": .object(["err": "invalid_request"]),
        ]
        #expect(names(try await poll(kit, ["setErrs": .object(errors)])).isEmpty)
        _ = try await poll(kit, ["setErrs": .object(errors)])
        #expect(kit.auditCount == count + 1)
        let record = try #require(try await kit.lastRecord())
        #expect(record.event.name == .eventRejected && record.event.clientID == "gateway")
        #expect(record.event.policyEvaluation?.reason == "\(jti): invalid_audience")
    }

    @Test("a client can acknowledge nothing of another's")
    func others() async throws {
        let kit = try await start()
        try await kit.create(.receiver, ["receiver_id": "other", "client_id": "calendar-api"])
        try await kit.end(.task, "planner/t")
        let mine = names(try await poll(kit))
        let request = try EventPollRequest(["returnImmediately": true, "ack": .array(mine.map(JSON.string))])
        let answer = try await kit.server.streamDesk.poll(request, by: World.id("calendar-api"))
        #expect(names(answer).count == 1 && names(answer) != mine)
        #expect(names(try await poll(kit)) == mine)
    }

    @Test("one that waits is woken by the revocation")
    func wakes() async throws {
        let kit = try await start()
        let waiting = Task { try await kit.server.streamDesk.poll(try EventPollRequest([:]), by: client) }
        try await Task.sleep(for: .milliseconds(100))
        try await kit.end(.task, "planner/t")
        #expect(names(try await waiting.value).count == 1)
    }

    @Test("a stream is verified once a minute, by an event with the state")
    func verified() async throws {
        let kit = try await start()
        let desk = kit.server.streamDesk
        let stream = try #require(desk.stream("board", of: client))
        try await desk.verify(stream, state: "abc")
        await #expect(throws: StreamDesk.VerifiedTooSoon(retryAfter: 60)) { try await desk.verify(stream, state: nil) }
        kit.clock.advance(.milliseconds(59_500))
        await #expect(throws: StreamDesk.VerifiedTooSoon(retryAfter: 1)) { try await desk.verify(stream, state: nil) }
        kit.clock.advance(.milliseconds(500))
        try await desk.verify(stream, state: nil)
        let sets = try await poll(kit)["sets"]?.object?.members.compactMap(\.value.string) ?? []
        let events = try sets.map { try UnverifiedJWT($0).claims["events"]?.object }
        let type = SecurityEventType.verification.rawValue
        #expect(events == [[type: .object(["state": "abc"])], [type: .object([:])]])
    }

    @Test("a disabled stream is neither verified nor polled, and another's is not there")
    func disabled() async throws {
        let kit = try await start()
        let desk = kit.server.streamDesk
        #expect(desk.stream("board", of: World.id("planner")) == nil)
        await expectRefusal(.accessDenied) {
            try await desk.poll(try EventPollRequest([:]), by: World.id("planner"))
        }
        try await kit.update(.receiver, "board", ["enabled": false])
        let stream = try #require(desk.stream("board", of: client))
        await expectRefusal(.accessDenied) { try await desk.verify(stream, state: nil) }
        await expectRefusal(.accessDenied) { try await poll(kit) }
        #expect(desk.status(of: stream)["status"]?.string == "disabled")
    }

    @Test(
        "a malformed poll is refused",
        arguments: [
            ["maxEvents": -1], ["maxEvents": "1"], ["maxEvents": .number(1.5)], ["ack": "x"], ["ack": [1]],
            ["setErrs": ["x"]], ["setErrs": .object(["x": "y"])], ["returnImmediately": "yes"],
        ] as [JSONObject])
    func malformed(_ body: JSONObject) async {
        await expectRefusal(.invalidRequest) { try EventPollRequest(body) }
    }
}
