import JOSE
import Testing
import Vault

@testable import OAuth

@Suite("Signing keys over time")
struct SigningKeysTests {
    private let barrier: Barrier
    private let day = 86_400

    init() throws { barrier = Barrier(try Keyring.create(rootKey: .generate(), now: 0).0) }

    private func key(
        _ algorithm: SignatureAlgorithm = .es256, activeFrom offset: Int, created: Int? = nil, revoked: Int? = nil
    ) throws -> SigningKeys.Held {
        let time = Fixtures.now.adding(seconds: offset)
        let held = try SigningKeys.make(
            algorithm, barrier: barrier, createdAt: created.map { Fixtures.now.adding(seconds: $0) } ?? time,
            activeFrom: time
        )
        guard let revoked else { return held }
        var stored = held.stored
        stored.revokedAt = Fixtures.now.adding(seconds: revoked)
        return .init(stored: stored, key: held.key)
    }

    private func states(_ keys: SigningKeys, at offset: Int) -> [SigningKeys.Status] {
        keys.all(at: Fixtures.now.adding(seconds: offset)).map(\.status)
    }

    private func published(_ keys: SigningKeys, at offset: Int) -> [String] {
        keys.published(at: Fixtures.now.adding(seconds: offset)).keys.compactMap(\.keyID)
    }

    @Test("a key is published before it signs, signs, and stays published until its last token has expired")
    func life() throws {
        let old = try key(activeFrom: 0), new = try key(activeFrom: day)
        let keys = SigningKeys([old, new])
        let both = [old.key.keyID, new.key.keyID]

        #expect(states(keys, at: 0) == [.active, .next])
        #expect(states(keys, at: day - 1) == [.active, .next])
        #expect(published(keys, at: 0) == both)
        #expect(keys.active(.es256, at: Fixtures.now)?.keyID == old.key.keyID)

        #expect(states(keys, at: day) == [.retiring, .active])
        #expect(published(keys, at: day) == both)
        #expect(keys.active(.es256, at: Fixtures.now.adding(seconds: day))?.keyID == new.key.keyID)

        let end = day + TokenLifetime.ceiling
        #expect(states(keys, at: end) == [.retiring, .active])
        #expect(states(keys, at: end + 1) == [.retired, .active])
        #expect(published(keys, at: end + 1) == [new.key.keyID])
    }

    @Test("a revoked key neither signs nor verifies")
    func revoked() throws {
        let old = try key(activeFrom: -day), bad = try key(activeFrom: -10, revoked: 0)
        let keys = SigningKeys([old, bad])
        #expect(states(keys, at: 0) == [.active, .revoked])
        #expect(published(keys, at: 0) == [old.key.keyID])
        #expect(keys.active(.es256, at: Fixtures.now)?.keyID == old.key.keyID)
    }

    @Test("revoking takes effect at once, also on the set that was just published")
    func revoking() throws {
        let one = try key(activeFrom: -day), two = try key(activeFrom: -1)
        let keys = SigningKeys([one, two])
        #expect(published(keys, at: 0).count == 2)
        keys.revoke(two.key.keyID, at: Fixtures.now)
        #expect(published(keys, at: 0) == [one.key.keyID])
        keys.add(try key(activeFrom: 0))
        #expect(published(keys, at: 0).count == 2)
    }

    @Test("each algorithm has its own line of keys")
    func algorithms() throws {
        let es = try key(activeFrom: -day), ed = try key(.ed25519, activeFrom: -1)
        let keys = SigningKeys([es, ed])
        #expect(states(keys, at: 0) == [.active, .active])
        #expect(keys.active(.ed25519, at: Fixtures.now)?.keyID == ed.key.keyID)
        #expect(keys.active(.rs256, at: Fixtures.now) == nil)
    }

    @Test("no key signs before its time")
    func early() throws {
        let keys = SigningKeys([try key(activeFrom: 10, created: 0)])
        #expect(keys.active(.es256, at: Fixtures.now) == nil)
        #expect(states(keys, at: 0) == [.next])
    }

    @Test("a clock that is set back before the first key was made does not stop the signing")
    func clockSetBack() throws {
        let first = try key(activeFrom: 0), second = try key(activeFrom: 400, created: 40)
        let keys = SigningKeys([first, second])
        let before = Fixtures.now.adding(seconds: -3600)
        #expect(keys.active(.es256, at: before)?.keyID == first.key.keyID)
        #expect(published(keys, at: -3600).count == 2)
        #expect(keys.active(.ed25519, at: before) == nil)
        keys.revoke(first.key.keyID, at: before)
        #expect(keys.active(.es256, at: before)?.keyID == second.key.keyID)
    }

    @Test("a sealed key opens with the keyring it was sealed with, at its own row, and nowhere else")
    func sealed() throws {
        let held = try key(activeFrom: 0)
        let keys = try SigningKeys(opening: [held.stored], with: barrier)
        #expect(keys.active(.es256, at: Fixtures.now)?.keyID == held.key.keyID)
        let other = Barrier(try Keyring.create(rootKey: .generate(), now: 0).0)
        #expect(throws: (any Error).self) { try SigningKeys(opening: [held.stored], with: other) }
        let moved = StoredSigningKey(
            keyID: "another", algorithm: "ES256", box: held.stored.box, createdAt: Fixtures.now,
            activeFrom: Fixtures.now
        )
        #expect(throws: (any Error).self) { try SigningKeys(opening: [moved], with: self.barrier) }
    }

    @Test("the box holds no private key in the clear")
    func notInTheClear() throws {
        let held = try key(activeFrom: 0)
        let secret = held.key.rawRepresentation
        #expect(!held.stored.box.indices.contains { held.stored.box[$0...].starts(with: secret) })
    }
}
