import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

@Suite("The line of signing keys over time")
struct KeyKeeperTests {
    private let day = 86_400
    private let notice = SigningKeys.publishedBeforeUse

    private func states(_ kit: LegateKit) throws -> [String] {
        try kit.server.keyDesk.list(for: kit.admin("keys:read")).compactMap { $0["status"]?.string }
    }

    private func published(_ kit: LegateKit) -> Set<String> {
        Set(kit.server.keys.published(at: kit.clock.time).keys.compactMap(\.keyID))
    }

    private func events(_ kit: LegateKit, _ name: AuditEvent.Name) async throws -> [AuditEvent] {
        try await kit.records().map(\.event).filter { $0.name == name }
    }

    @Test("a key signs for a day, its successor is published before, and at last its private half is erased")
    func life() async throws {
        let kit = try await LegateKit.start()
        let old = try #require(try await kit.token(kit.planner).token.identity.keyID)
        kit.clock.advance(seconds: day - notice - 1)
        await kit.server.keyKeeper.tend()
        #expect(try states(kit) == ["active"])

        kit.clock.advance(seconds: 1)
        await kit.server.keyKeeper.tend()
        #expect(try states(kit) == ["active", "next"])
        let new = try #require(published(kit).subtracting([old]).first)
        #expect(try await kit.token(kit.planner).token.identity.keyID == old)

        kit.clock.advance(seconds: notice)
        await kit.server.keyKeeper.tend()
        #expect(try states(kit) == ["retiring", "active"])
        #expect(try await kit.token(kit.planner).token.identity.keyID == new)

        kit.clock.advance(seconds: TokenLifetime.ceiling + 1)
        #expect(published(kit) == [new])
        await kit.server.keyKeeper.tend()
        #expect(try states(kit) == ["retired", "active"])
        #expect(kit.server.keys.all(at: kit.clock.time).map(\.key.stored.keyID) == [new])

        #expect(try await events(kit, .keyRotated).map(\.target) == ["key/\(new)"])
        let erased = try #require(try await events(kit, .keyErased).first)
        #expect(erased.target == "key/\(old)" && erased.policyEvaluation?.rule == "retired")
        let tallies = kit.server.keyKeeper.tallies
        #expect(tallies.rotations == 1 && tallies.erasures == 1 && tallies.failures == 0)
    }

    @Test("over restarts and crashes each rotation happens once")
    func restarts() async throws {
        var kit = try await LegateKit.start()
        kit.clock.advance(seconds: day - notice)
        // The disk fails in the moment of the rotation: nothing has happened, and it is tried again.
        kit.store.fail(true)
        await kit.server.keyKeeper.tend()
        #expect(try states(kit) == ["active"])
        #expect(kit.server.keyKeeper.tallies.failures == 1)
        kit = try await kit.restarted()
        for _ in 0..<3 {
            await kit.server.keyKeeper.tend()
            #expect(try states(kit) == ["active", "next"])
            kit = try await kit.restarted()
        }
        kit.clock.advance(seconds: notice)
        for _ in 0..<3 {
            await kit.server.keyKeeper.tend()
            #expect(try states(kit) == ["retiring", "active"])
            kit = try await kit.restarted()
        }
        #expect(try await events(kit, .keyRotated).count == 1)
    }

    @Test("whoever rotates at once, there is one next key")
    func crowd() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.resource, "calendar", ["signing_alg": "RS256"])
        kit.clock.advance(seconds: day)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { await kit.server.keyKeeper.tend() }
                for algorithm in ["ES256", "RS256"] {
                    group.addTask {
                        _ = try? await kit.server.keyDesk.rotate(["alg": .string(algorithm)], by: kit.admin())
                    }
                }
            }
        }
        #expect(try states(kit).sorted() == ["active", "active", "next", "next"])
    }

    @Test("attack: what a retired key signs is refused, also with the clock set back (JWKS-17)")
    func retired() async throws {
        let kit = try await LegateKit.start()
        let claims = try UnverifiedJWT(try await kit.token(kit.planner).accessToken).claims
        let key = try #require(kit.server.keys.active(.es256, at: kit.clock.time))
        func forged() throws -> String {
            let now = kit.clock.time.seconds
            let fresh: JSONObject = ["iat": .integer(now), "exp": .integer(now + 300)]
            return try key.sign(claims.merging(patch: fresh), type: "at+jwt")
        }
        _ = try kit.server.verifier.verify(try forged(), at: kit.clock.time)
        kit.clock.advance(seconds: day - notice)
        await kit.server.keyKeeper.tend()
        kit.clock.advance(seconds: notice + TokenLifetime.ceiling)
        _ = try kit.server.verifier.verify(try forged(), at: kit.clock.time)
        kit.clock.advance(seconds: 1)
        for _ in 0..<2 {
            #expect(throws: TokenVerifier.Failure.notOurs(.unknownKey)) {
                try kit.server.verifier.verify(try forged(), at: kit.clock.time)
            }
            await kit.server.keyKeeper.tend()
        }
        kit.clock.advance(seconds: -3600)
        #expect(throws: TokenVerifier.Failure.notOurs(.unknownKey)) {
            try kit.server.verifier.verify(try forged(), at: kit.clock.time)
        }
    }

    @Test("a clock that jumps an hour ahead and back leaves a server that signs")
    func clockJumps() async throws {
        let kit = try await LegateKit.start()
        kit.clock.advance(seconds: -3600)
        // Before the resource was registered: it is signed, and worth nothing.
        let early = try await kit.token(kit.planner)
        #expect(try await kit.isActive(early.accessToken) == false)
        kit.clock.advance(seconds: 3600)

        // A whole rotation within the hour that was not.
        kit.clock.advance(seconds: day - notice - 3600)
        kit.clock.advance(seconds: 3600)
        await kit.server.keyKeeper.tend()
        kit.clock.advance(seconds: notice + TokenLifetime.ceiling + 1)
        await kit.server.keyKeeper.tend()
        #expect(try states(kit) == ["retired", "active"])
        kit.clock.advance(seconds: -3600)
        for _ in 0..<2 {
            let token = try await kit.token(kit.planner)
            #expect(try await kit.isActive(token.accessToken))
            await kit.server.keyKeeper.tend()
        }
        #expect(try await events(kit, .keyRotated).count == 1)
        // Its key can be taken from it like any other.
        let signing = try #require(try await kit.token(kit.planner).token.identity.keyID)
        try await kit.end(.key, signing)
        let after = try await kit.token(kit.planner)
        #expect(after.token.identity.keyID != signing)
        #expect(try await kit.isActive(after.accessToken))
    }

    @Test("the private half of a revoked key is erased too, and its name is known for ever")
    func revoked() async throws {
        let kit = try await LegateKit.start()
        let old = try #require(try await kit.token(kit.planner).token.identity.keyID)
        kit.clock.advance(seconds: 60)
        try await kit.end(.key, old)
        #expect(try states(kit) == ["revoked", "active"])
        await kit.server.keyKeeper.tend()
        #expect(try states(kit) == ["revoked", "active"])
        #expect(kit.server.keys.all(at: kit.clock.time).count == 1)
        #expect(kit.server.keys.everHeld.keys.contains { $0.keyID == old })
        let again = try await kit.restarted()
        #expect(try states(again) == ["revoked", "active"])
        #expect(again.server.keys.everHeld.keys.contains { $0.keyID == old })
        #expect(!published(again).contains(old))
        // Once more changes nothing, and an unknown one is refused.
        try await again.end(.key, old)
        #expect(try states(again) == ["revoked", "active"])
        await expectInvalid("id") { try await again.end(.key, "nobody's") }
    }

    @Test("a checkpoint of the audit trail outlives the key that signed it")
    func checkpoints() async throws {
        let kit = try await LegateKit.start()
        for number in 0..<30 { try await kit.create(.client, ["client_id": .string("c\(number)"), "name": "C"]) }
        let moved = try await kit.server.auditTrail.applyRetention(AuditRetention(age: nil, records: 10))
        #expect(moved != nil)
        kit.clock.advance(seconds: day - notice)
        await kit.server.keyKeeper.tend()
        kit.clock.advance(seconds: notice + TokenLifetime.ceiling + 1)
        await kit.server.keyKeeper.tend()
        #expect(kit.server.keys.all(at: kit.clock.time).count == 1)
        #expect(try await kit.server.auditTrail.check()["valid"]?.bool == true)
        let again = try await kit.restarted()
        #expect(try await again.server.auditTrail.check()["valid"]?.bool == true)
    }

    @Test("attack: a public key put among the retired ones does not start the server")
    func foreignRetiredKey() async throws {
        let kit = try await LegateKit.start()
        let own = try #require(kit.server.keys.all(at: kit.clock.time).first?.key)
        let stranger = try TestKeys.stranger()
        let box = try SigningKeys.sealedPublicHalf(of: own, barrier: kit.barrier)
        let forged = StoredSigningKey(
            keyID: stranger.keyID, algorithm: "ES256", box: box, createdAt: kit.clock.time, activeFrom: kit.clock.time,
            erasedAt: kit.clock.time
        )
        #expect(throws: VaultError.self) { try SigningKeys(opening: [own.stored, forged], with: kit.barrier) }
        let plain = StoredSigningKey(
            keyID: stranger.keyID, algorithm: "ES256", box: JSON.object(stranger.publicKey.json).serialized,
            createdAt: kit.clock.time, activeFrom: kit.clock.time, erasedAt: kit.clock.time
        )
        #expect(throws: VaultError.self) { try SigningKeys(opening: [own.stored, plain], with: kit.barrier) }
    }

    @Test("a rotation of the vault changes no signing key (JWKS-16)")
    func vaultRotation() async throws {
        let kit = try await LegateKit.start()
        kit.clock.advance(seconds: day - notice)
        await kit.server.keyKeeper.tend()
        kit.clock.advance(seconds: notice + TokenLifetime.ceiling + 1)
        await kit.server.keyKeeper.tend()
        let token = try await kit.token(kit.planner)
        let before = kit.server.keys.published(at: kit.clock.time).json
        try await kit.keep("db/password", "s3cret", readers: [kit.planner])
        _ = try await kit.server.keyringDesk.rotate(by: kit.admin())
        try await kit.server.keyringDesk.resealer.pass()
        #expect(try await kit.store.boxCounts().keys.sorted() == [2])
        func same(_ kit: LegateKit) async throws {
            #expect(kit.server.keys.published(at: kit.clock.time).json == before)
            #expect(try await kit.isActive(token.accessToken))
            #expect(try await kit.token(kit.planner).token.identity.keyID == token.token.identity.keyID)
            #expect(try await kit.read("db/password", as: kit.planner) == "s3cret")
            #expect(kit.server.keys.everHeld.keys.count == 2)
        }
        try await same(kit)
        try await same(try await kit.restarted())
    }

    @Test("retired keys leave the usual list after a month, and no other")
    func list() async throws {
        let kit = try await LegateKit.start()
        for _ in 0..<2 {
            kit.clock.advance(seconds: day - notice)
            await kit.server.keyKeeper.tend()
            kit.clock.advance(seconds: notice + TokenLifetime.ceiling + 1)
            await kit.server.keyKeeper.tend()
        }
        #expect(try states(kit) == ["retired", "retired", "active"])
        kit.clock.advance(seconds: 30 * day + 1)
        #expect(try states(kit) == ["active"])
        let caller = kit.admin("keys:read")
        #expect(try kit.server.keyDesk.list(all: true, for: caller).count == 3)
        let old = try #require(try kit.server.keyDesk.list(all: true, for: caller).first?["kid"]?.string)
        #expect(try kit.server.keyDesk.show(old, to: caller)?["status"] == "retired")
        #expect(try kit.server.keyDesk.show("nobody's", to: caller) == nil)
        await expectRefusal(.insufficientScope) { try kit.server.keyDesk.show(old, to: kit.admin("keys:write")) }
    }

    @Test("the feed serves nothing that is signed with a key which has left the set: who is behind reads the snapshot")
    func feed() async throws {
        let kit = try await LegateKit.start()
        try await kit.end(.token, "first")
        try await kit.end(.token, "second")
        let feed = kit.server.revocationFeed
        #expect(try feed.link(after: 0)?.batch.next == 1)
        kit.clock.advance(seconds: day - notice)
        await kit.server.keyKeeper.tend()
        kit.clock.advance(seconds: notice)
        try await kit.end(.token, "third")
        await kit.server.keyKeeper.tend()
        #expect(try feed.link(after: 1)?.batch.next == 2)
        kit.clock.advance(seconds: TokenLifetime.ceiling - 30)
        await kit.server.keyKeeper.tend()
        let live = published(kit)
        for sequence in [Int64(0), 1] {
            #expect(throws: RevocationFeed.SnapshotRequired.self) { try feed.link(after: sequence) }
        }
        // Who has read up to there goes on without a gap.
        let link = try #require(try feed.link(after: 2))
        #expect(link.batch.entries.map(\.id) == ["third"])
        #expect(live.contains(try #require(try UnverifiedJWT(link.jws).header.keyID)))
        #expect(try feed.link(after: 3) == nil)
        try await kit.end(.token, "fourth")
        #expect(try feed.link(after: 3)?.batch.entries.map(\.id) == ["fourth"])
        let page = try await feed.snapshot(after: 0, limit: 10, from: kit.store, at: kit.clock.time)
        #expect(page["head"] == .integer(4))
    }
}
