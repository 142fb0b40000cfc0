import JOSE
import Support
import Testing

@testable import OAuth

@Suite("Verifying our own tokens")
struct TokenVerifierTests {
    private func verify(_ kit: LegateKit, _ compact: String) throws(TokenVerifier.Failure) -> AccessToken {
        try kit.server.verifier.verify(compact, at: kit.clock.time)
    }

    /// A token with our own key and any claims.
    private func signed(_ kit: LegateKit, _ patch: JSONObject, type: String = "at+jwt") async throws -> String {
        let right = try UnverifiedJWT(try await kit.token(kit.planner).accessToken).claims
        let key = try #require(kit.server.keys.active(.es256, at: kit.clock.time))
        return try key.sign(right.merging(patch: patch), type: type)
    }

    @Test("what the mint writes is what the verifier reads")
    func roundTrip() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools],
            mayAct: [kit.worker.id]
        )
        try await kit.update(.resource, "orders", ["include_agent_claim": true])
        let first = try await kit.act(
            by: kit.planner, at: World.tools, with: ["agent_id": "p", "task_id": "t", "session_id": "s"])
        let second = try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders)
        for response in [first, second] { #expect(try verify(kit, response.accessToken) == response.token) }
    }

    @Test("a claim that is not as the mint writes it is refused, even under our own signature")
    func claims() async throws {
        let kit = try await LegateKit.start()
        let wrong: [(String, JSON)] = [
            ("iss", "https://auth.example.com/"), ("iss", .null), ("aud", .array([])), ("aud", .null),
            ("aud", .array(["https://calendar.example.com/api", "https://orders.example.com"])), ("aud", "calendar"),
            ("client_id", .null), ("client_id", "a/b"), ("sub", .null), ("sub", .integer(1)), ("jti", .null),
            ("iat", .null),
            ("iat", "now"), ("exp", .null), ("exp", .number(1e300)), ("scope", .array(["a"])), ("scope", "a\"b"),
            ("act", .object([:])), ("act", "planner"), ("may_act", "worker"), ("delegation_id", "a b"),
            ("txn", "no-slash"),
            ("sid", .integer(1)),
        ]
        for (claim, value) in wrong {
            let token = try await signed(kit, [claim: value])
            #expect(throws: TokenVerifier.Failure.self, "\(claim) \(value)") { try verify(kit, token) }
        }
        _ = try verify(kit, try await signed(kit, [:]))
        let otherType = try await signed(kit, [:], type: "JWT")
        #expect(throws: TokenVerifier.Failure.notOurs(.wrongType)) { try verify(kit, otherType) }
    }

    @Test("remembering a signature does not remember that the token was good")
    func notCached() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        for _ in 0..<3 { _ = try verify(kit, token) }
        try await kit.update(.client, "planner", ["enabled": false])
        #expect(throws: TokenVerifier.Failure.revoked) { try verify(kit, token) }
        let other = try await kit.token(kit.worker, for: World.orders).accessToken
        _ = try verify(kit, other)
        kit.clock.advance(seconds: 300)
        #expect(throws: TokenVerifier.Failure.expired) { try verify(kit, other) }
    }

    @Test("a token whose key is gone is refused, also when its signature was seen before")
    func keyGone() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        _ = try verify(kit, token.accessToken)
        kit.server.keys.revoke(try #require(token.token.identity.keyID), at: kit.clock.time)
        #expect(throws: TokenVerifier.Failure.notOurs(.unknownKey)) { try verify(kit, token.accessToken) }
    }

    @Test("one changed character anywhere makes it another token")
    func tampered() async throws {
        let kit = try await LegateKit.start()
        let token = Array(try await kit.token(kit.planner).accessToken.utf8)
        _ = try verify(kit, String(decoding: token, as: UTF8.self))
        for index in stride(from: 0, to: token.count, by: 7) {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(throws: TokenVerifier.Failure.self) { try verify(kit, String(decoding: changed, as: UTF8.self)) }
        }
    }
}
