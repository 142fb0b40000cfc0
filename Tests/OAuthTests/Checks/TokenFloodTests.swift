import JOSE
import Revocations
import Support
import Testing

@testable import OAuth

@Suite("Attack: a flood of tokens at forward authentication")
struct TokenFloodTests {
    private func check(
        _ kit: LegateKit, _ token: String, from peer: String = "192.0.2.1", gateway: String? = nil
    ) async throws -> CheckPass {
        try await kit.server.checkEndpoint.answer(
            CheckRequest(
                credentials: .token(token), gatewayAuthorization: gateway,
                parameters: try Parameters(form: Array("resource=calendar".utf8)),
                context: RequestContext(requestID: "r", traceID: nil, endpoint: "GET /", peer: peer)
            )
        )
    }

    private func refusal(
        _ kit: LegateKit, _ token: String, from peer: String = "192.0.2.1", gateway: String? = nil
    ) async -> OAuthError.Code? {
        do {
            _ = try await check(kit, token, from: peer, gateway: gateway)
            return nil
        } catch {
            return (error as? CheckRefusal)?.error.code
        }
    }

    private func forged(_ token: String) -> String {
        let parts = token.split(separator: ".")
        return "\(parts[0]).\(parts[1]).\(String(repeating: "A", count: parts[2].count))"
    }

    @Test("signatures that do not verify are checked so often, and no token that is known waits for them")
    func signatures() async throws {
        let kit = try await LegateKit.start()
        let known = try await kit.token(kit.planner).accessToken
        let unknown = try await kit.token(kit.planner).accessToken
        _ = try await check(kit, known)
        for _ in 0..<RateLimitPolicy.failedSignatures.quota {
            #expect(await refusal(kit, forged(known)) == .invalidToken)
        }
        #expect(await refusal(kit, forged(known)) == .slowDown)
        #expect(await refusal(kit, unknown) == .slowDown)
        #expect(await refusal(kit, known) == nil)
        #expect(await refusal(kit, unknown, from: "192.0.2.2") == nil)
    }

    @Test("a gateway that proves itself is not held back by what its callers send")
    func gateway() async throws {
        let kit = try await LegateKit.start()
        let secret = try #require(kit.gateway.secret)
        let credentials = Form.basic(kit.gateway.id.text, secret)
        let good = try await kit.token(kit.planner).accessToken
        for _ in 0...RateLimitPolicy.failedSignatures.quota {
            #expect(await refusal(kit, forged(good), gateway: credentials) == .invalidToken)
        }
        #expect(await refusal(kit, good, gateway: credentials) == nil)
        #expect(await refusal(kit, good) == nil)
    }

    @Test("tokens that do not verify push out none of those that are remembered")
    func cache() async throws {
        let kit = try await LegateKit.start()
        let known = try await kit.token(kit.planner).accessToken
        _ = try await check(kit, known)
        for number in 0..<10_000 { _ = await refusal(kit, forged(known) + "\(number)", from: "10.0.0.\(number % 250)") }
        try kit.server.verifier.admit(known, from: "192.0.2.1", at: kit.clock.time)
        #expect(await refusal(kit, known) == nil)
    }

    @Test("a dead token fills so much of the trail in a minute, and no more")
    func records() async throws {
        let kit = try await LegateKit.start()
        let dead = try await kit.token(kit.planner).accessToken
        try await kit.end(.client, "planner")
        let before = kit.auditCount
        for _ in 0..<200 { #expect(await refusal(kit, dead) == .invalidToken) }
        #expect(Int(kit.auditCount - before) == DenialRecords.quota)
        kit.clock.advance(seconds: 60)
        #expect(await refusal(kit, dead) == .invalidToken)
        #expect(Int(kit.auditCount - before) == DenialRecords.quota + 1)
    }
}
