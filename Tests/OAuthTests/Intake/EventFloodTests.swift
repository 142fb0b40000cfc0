import JOSE
import Support
import Testing

@testable import OAuth

@Suite("Attack: a flood of events")
struct EventFloodTests {
    private func receive(
        _ kit: LegateKit, _ compact: String, from peer: String = "192.0.2.7"
    ) async throws -> EventIntake.Outcome {
        try await kit.server.eventIntake.receive(
            compact, context: RequestContext(requestID: "r", traceID: nil, endpoint: "POST /events", peer: peer)
        )
    }

    private func flood(_ kit: LegateKit, with compact: String) async throws {
        for _ in 0..<RateLimitPolicy.failedSignatures.quota { _ = try await receive(kit, compact) }
        let refusal = await expectRefusal(.slowDown) { try await receive(kit, compact) }
        #expect(refusal?.rule == RateLimitPolicy.failedSignatures.name)
    }

    @Test("forged ones are checked so often from one address, and then no more for a while")
    func forged() async throws {
        let kit = try await LegateKit.start()
        let event = try kit.corp.event(EventIntakeTests.sessionRevoked, to: kit.issuer)
        let parts = event.split(separator: ".")
        let forged = "\(parts[0]).\(parts[1]).\(String(repeating: "A", count: parts[2].count))"
        try await flood(kit, with: forged)
        #expect(try await receive(kit, event, from: "192.0.2.8") == .accepted)
        kit.clock.advance(seconds: RateLimitPolicy.failedSignatures.window)
        #expect(try await receive(kit, event) == .accepted)
    }

    @Test("one that was taken before orders look-ups in the database so often, and no more")
    func replayed() async throws {
        let kit = try await LegateKit.start()
        let event = try kit.corp.event(EventIntakeTests.sessionRevoked, to: kit.issuer)
        #expect(try await receive(kit, event) == .accepted)
        let count = kit.auditCount
        try await flood(kit, with: event)
        #expect(kit.auditCount == count)
    }

    @Test("a stranger's issuer costs nothing, and is never slowed")
    func stranger() async throws {
        let kit = try await LegateKit.start()
        let claims: JSONObject = ["iss": "https://nobody.example", "iat": .integer(1)]
        let event = try TestKeys.stranger().sign(claims, type: EventIntake.type)
        for _ in 0..<(RateLimitPolicy.failedSignatures.quota + 10) {
            guard case .refused = try await receive(kit, event) else {
                Issue.record("it was taken")
                return
            }
        }
    }
}
