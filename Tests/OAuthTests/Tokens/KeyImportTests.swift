import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Bringing a signing key")
struct KeyImportTests {
    private func draft(_ file: String, _ passphrase: String = KeyFileSamples.passphrase) -> JSONObject {
        ["file": .string(file), "passphrase": .string(passphrase)]
    }

    private func bringIn(_ kit: LegateKit, _ draft: JSONObject) async throws -> JSONObject {
        try await kit.server.keyDesk.bringIn(draft, by: kit.admin("keys:write"))
    }

    @Test("the key is published now, and takes over when every cache has seen it; the schedule leaves it alone")
    func takesOver() async throws {
        let kit = try await LegateKit.start()
        let before = try await kit.token(kit.planner).token.identity.keyID
        let made = try await bringIn(kit, draft(KeyFileSamples.ec))
        let keyID = try #require(made["kid"]?.string)
        #expect(made["status"] == "next" && made["alg"] == "ES256" && made["origin"] == "imported")
        #expect(kit.server.keys.published(at: kit.clock.time).keys.contains { $0.keyID == keyID })
        #expect(try await kit.token(kit.planner).token.identity.keyID == before)

        kit.clock.advance(seconds: SigningKeys.publishedBeforeUse)
        let token = try await kit.token(kit.planner)
        #expect(token.token.identity.keyID == keyID)
        #expect(try await kit.isActive(token.accessToken))
        kit.clock.advance(seconds: 30 * 86_400)
        await kit.server.keyKeeper.tend()
        let again = try await kit.restarted()
        await again.server.keyKeeper.tend()
        #expect(try await again.token(again.planner).token.identity.keyID == keyID)
        let listed = try again.server.keyDesk.list(for: again.admin("keys:read"))
        #expect(listed.compactMap { $0["status"]?.string } == ["retired", "active"])

        let event = try #require(try await again.records().map(\.event).first { $0.name == .keyImported })
        #expect(event.target == "key/\(keyID)" && event.clientID == kit.world.admin.id.text)
        #expect(event.after?.contains("active_from") == true)
        // A person ends its time.
        _ = try await again.server.keyDesk.rotate([:], by: again.admin())
        again.clock.advance(seconds: SigningKeys.publishedBeforeUse)
        #expect(try await again.token(again.planner).token.identity.keyID != keyID)
    }

    @Test("each kind of key signs with its algorithm, and what it signs is verified")
    func kinds() async throws {
        let kit = try await LegateKit.start()
        let files = [
            (KeyFileSamples.ecPKCS12, "ES256"), (KeyFileSamples.ed25519, "Ed25519"), (KeyFileSamples.rsa, "RS256"),
        ]
        var keyIDs: [String] = []
        for (file, algorithm) in files {
            let made = try await bringIn(kit, draft(file))
            #expect(made["alg"] == .string(algorithm))
            keyIDs.append(try #require(made["kid"]?.string))
        }
        kit.clock.advance(seconds: SigningKeys.publishedBeforeUse)
        for (index, (_, algorithm)) in files.enumerated() {
            try await kit.update(.resource, "calendar", ["signing_alg": .string(algorithm)])
            let token = try await kit.token(kit.planner)
            #expect(token.token.identity.keyID == keyIDs[index])
            #expect(try UnverifiedJWT(token.accessToken).header.algorithm?.rawValue == algorithm)
            #expect(try await kit.isActive(token.accessToken))
        }
    }

    @Test("a first key of its algorithm waits for its time: a resource that asks meanwhile gets another")
    func first() async throws {
        let kit = try await LegateKit.start()
        let brought = try #require(try await bringIn(kit, draft(KeyFileSamples.ed25519))["kid"]?.string)
        #expect(kit.server.keys.active(.ed25519, at: kit.clock.time) == nil)
        try await kit.update(.resource, "calendar", ["signing_alg": "Ed25519"])
        #expect(try await kit.token(kit.planner).token.identity.keyID != brought)
        kit.clock.advance(seconds: SigningKeys.publishedBeforeUse)
        #expect(try await kit.token(kit.planner).token.identity.keyID == brought)
    }

    @Test("behind a next key that is published already it comes last, and stays")
    func behindTheNext() async throws {
        let kit = try await LegateKit.start()
        _ = try await kit.server.keyDesk.rotate([:], by: kit.admin())
        let brought = try #require(try await bringIn(kit, draft(KeyFileSamples.ec))["kid"]?.string)
        kit.clock.advance(seconds: SigningKeys.publishedBeforeUse + 1)
        #expect(try await kit.token(kit.planner).token.identity.keyID == brought)
    }

    @Test("a key is brought once: not while it is ours, not when it has retired, not when it was revoked")
    func once() async throws {
        let kit = try await LegateKit.start()
        let keyID = try #require(try await bringIn(kit, draft(KeyFileSamples.ec))["kid"]?.string)
        await expectInvalid("file") { try await bringIn(kit, draft(KeyFileSamples.ec)) }
        // However it is wrapped.
        await expectInvalid("file") { try await bringIn(kit, draft(KeyFileSamples.ecPKCS12)) }
        try await kit.end(.key, keyID)
        await kit.server.keyKeeper.tend()
        let again = try await kit.restarted()
        let refusal = await expectInvalid("file") { try await bringIn(again, draft(KeyFileSamples.ec)) }
        #expect(refusal?.errors.first?.detail.contains(keyID) == true)
    }

    @Test("what is refused says why, and changes nothing")
    func refused() async throws {
        let kit = try await LegateKit.start()
        let count = kit.auditCount
        await expectInvalid("passphrase") { try await bringIn(kit, draft(KeyFileSamples.ec, "wrong")) }
        let weak = await expectInvalid("file") { try await bringIn(kit, draft(KeyFileSamples.rsa1024)) }
        #expect(weak?.errors.first?.detail.contains("2048") == true)
        await expectInvalid("file", "passphrase") { try await bringIn(kit, [:]) }
        await expectInvalid("file") { try await bringIn(kit, draft("")) }
        await expectInvalid("file") { try await bringIn(kit, draft("not base64!")) }
        await expectInvalid("file") { try await bringIn(kit, draft(String(repeating: "A", count: 50_000))) }
        await expectInvalid("passphrase") { try await bringIn(kit, draft(KeyFileSamples.ec, "")) }
        let long = String(repeating: "x", count: 1025)
        await expectInvalid("passphrase") { try await bringIn(kit, draft(KeyFileSamples.ec, long)) }
        await expectInvalid("kid") { try await bringIn(kit, draft(KeyFileSamples.ec).merging(patch: ["kid": "mine"])) }
        await expectRefusal(.insufficientScope) {
            try await kit.server.keyDesk.bringIn(draft(KeyFileSamples.ec), by: kit.admin("keys:read"))
        }
        #expect(kit.auditCount == count)
        #expect(kit.server.keys.all(at: kit.clock.time).count == 1)
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await bringIn(kit, draft(KeyFileSamples.ec)) }
        #expect(kit.server.keys.all(at: kit.clock.time).count == 1)
        kit.store.fail(false)
        _ = try await bringIn(kit, draft(KeyFileSamples.ec))
    }
}
