import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("The key desk")
struct KeyDeskTests {
    private func states(_ kit: LegateKit) throws -> [String] {
        try kit.server.keyDesk.list(for: kit.admin("keys:read")).compactMap { $0["status"]?.string }
    }

    @Test("a new key is published at once, signs when every cache has seen it, and the old one retires")
    func rotation() async throws {
        let kit = try await LegateKit.start()
        let before = try await kit.token(kit.planner)
        let made = try await kit.server.keyDesk.rotate([:], by: kit.admin("keys:write"))
        let keyID = try #require(made["kid"]?.string)
        #expect(made["status"] == "next")
        #expect(try states(kit) == ["active", "next"])
        #expect(kit.server.keys.published(at: kit.clock.time).keys.compactMap(\.keyID).contains(keyID))
        #expect(try await kit.token(kit.planner).token.identity.keyID == before.token.identity.keyID)

        kit.clock.advance(seconds: SigningKeys.publishedBeforeUse)
        #expect(try states(kit) == ["retiring", "active"])
        let after = try await kit.token(kit.planner)
        #expect(after.token.identity.keyID == keyID)
        kit.clock.advance(seconds: 901)
        #expect(try states(kit) == ["retired", "active"])
        let again = try await kit.restarted()
        #expect(try states(again) == ["retired", "active"])
        #expect(try await again.token(again.planner).token.identity.keyID == keyID)
    }

    @Test("a token signed before the rotation lives to its end")
    func overlap() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.resource, "calendar", ["token_ttl": 900])
        _ = try await kit.server.keyDesk.rotate([:], by: kit.admin())
        kit.clock.advance(seconds: SigningKeys.publishedBeforeUse - 1)
        let last = try await kit.token(kit.planner)
        kit.clock.advance(seconds: 899)
        #expect(try await kit.isActive(last.accessToken))
    }

    @Test("a second rotation waits for the first, per algorithm")
    func twice() async throws {
        let kit = try await LegateKit.start()
        _ = try await kit.server.keyDesk.rotate(["alg": "ES256"], by: kit.admin())
        await expectInvalid("alg") { try await kit.server.keyDesk.rotate([:], by: kit.admin()) }
        _ = try await kit.server.keyDesk.rotate(["alg": "Ed25519"], by: kit.admin())
        kit.clock.advance(seconds: SigningKeys.publishedBeforeUse)
        _ = try await kit.server.keyDesk.rotate([:], by: kit.admin())
    }

    @Test("it needs its scopes, and knows its algorithms")
    func refused() async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.insufficientScope) { try await kit.server.keyDesk.rotate([:], by: kit.admin("keys:read")) }
        await expectRefusal(.insufficientScope) { try kit.server.keyDesk.list(for: kit.admin("keys:write")) }
        for algorithm in ["PS256", "HS256", "none", ""] {
            await expectInvalid("alg") {
                try await kit.server.keyDesk.rotate(["alg": .string(algorithm)], by: kit.admin())
            }
        }
        await expectInvalid("kid") { try await kit.server.keyDesk.rotate(["kid": "mine"], by: kit.admin()) }
    }

    @Test("the rotation is in the trail, the key is not")
    func audited() async throws {
        let kit = try await LegateKit.start()
        let made = try await kit.server.keyDesk.rotate([:], by: kit.admin())
        let record = try #require(try await kit.lastRecord())
        #expect(record.event.name == .keyRotated)
        #expect(record.event.target == "key/\(made["kid"]?.string ?? "")")
        #expect(made.members.map(\.name) == ["kid", "alg", "status", "created_at", "active_from"])
    }

    @Test("when storage fails there is no new key")
    func storageFails() async throws {
        let kit = try await LegateKit.start()
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.server.keyDesk.rotate([:], by: kit.admin()) }
        #expect(try states(kit) == ["active"])
    }
}
