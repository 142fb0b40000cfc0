import JOSE
import Support
import Synchronization
import Testing

@testable import OAuth

@Suite("Bundles of trust domains, kept fresh")
struct SPIFFEBundlesTests {
    private let url = Mesh.bundleURL
    private let domain = "example.org"

    private func header(_ key: SigningKey) throws -> JWTHeader {
        try UnverifiedJWT(try key.sign(["sub": "x"])).header
    }

    private func key(_ kit: LegateKit, _ key: SigningKey) async throws -> JWK {
        let name = try #require(TrustDomain(domain))
        return try await kit.server.spiffeBundles.key(for: try header(key), of: name)
    }

    private func certified(_ sequence: Int64) -> JSONObject {
        [
            "keys": [.object(["use": "x509-svid", "kty": "EC", "x5c": ["MAMCAQE="]])],
            "spiffe_sequence": .integer(sequence), "spiffe_refresh_hint": 60,
        ]
    }

    @Test("a bundle is refreshed as often as it asks to be")
    func hint() async throws {
        let (kit, mesh, _) = try await Mesh.start()
        try mesh.publish(try TestKeys.key(.es256))
        await kit.server.spiffeBundles.refreshDue()
        #expect(kit.fetcher.requests(for: url) == 1)
        for _ in 0..<5 {
            kit.clock.advance(seconds: 11)
            await kit.server.spiffeBundles.refreshDue()
        }
        #expect(kit.fetcher.requests(for: url) == 1)
        kit.clock.advance(seconds: 5)
        await kit.server.spiffeBundles.refreshDue()
        #expect(kit.fetcher.requests(for: url) == 2)
    }

    @Test("a key that has gone from the bundle verifies nothing from the next refresh on")
    func rotation() async throws {
        let (kit, mesh, _) = try await Mesh.start()
        let old = try TestKeys.key(.es256)
        let new = try TestKeys.stranger()
        _ = try await key(kit, old)
        try mesh.publish(new, sequence: 2)
        kit.clock.advance(seconds: 60)
        await kit.server.spiffeBundles.refreshDue()
        #expect(try await key(kit, new).keyID == new.keyID)
        await #expect(throws: JWTError.unknownKey) { try await self.key(kit, old) }
    }

    @Test("a new key is found before the refresh, but invented ones cannot make us hammer the endpoint")
    func unknownKeys() async throws {
        let (kit, mesh, _) = try await Mesh.start()
        _ = try await key(kit, try TestKeys.key(.es256))
        let new = try TestKeys.stranger()
        for _ in 0..<50 { await #expect(throws: JWTError.unknownKey) { try await self.key(kit, new) } }
        #expect(kit.fetcher.requests(for: url) == 1)
        try mesh.publish(new, sequence: 2)
        kit.clock.advance(seconds: 10)
        #expect(try await key(kit, new).keyID == new.keyID)
        #expect(kit.fetcher.requests(for: url) == 2)
    }

    @Test("while the endpoint is away the last bundle counts for an hour, and then nothing is accepted")
    func away() async throws {
        let (kit, _, _) = try await Mesh.start()
        let known = try TestKeys.key(.es256)
        _ = try await key(kit, known)
        #expect(kit.server.spiffeBundles.staleCount == 0)
        kit.fetcher.put(nil, at: url)
        for _ in 0..<59 {
            kit.clock.advance(seconds: 60)
            await kit.server.spiffeBundles.refreshDue()
        }
        #expect(kit.server.spiffeBundles.staleCount == 1)
        _ = try await key(kit, known)
        kit.clock.advance(seconds: 60)
        await #expect(throws: FetchError.self) { try await self.key(kit, known) }
    }

    @Test("the log says what counts when a refresh fails: the last bundle for a while, or none at all")
    func reasons() async throws {
        let (kit, mesh, _) = try await Mesh.start()
        let bundles = kit.server.spiffeBundles
        let heard = Heard()
        kit.fetcher.put(nil, at: url)
        await bundles.refreshDue(heard.hear)
        #expect(heard.last?.contains("there is none that counts") == true)
        try mesh.publish(try TestKeys.key(.es256))
        kit.clock.advance(seconds: 60)
        await bundles.refreshDue(heard.hear)
        kit.fetcher.put(nil, at: url)
        kit.clock.advance(seconds: 60)
        await bundles.refreshDue(heard.hear)
        #expect(heard.last?.contains("the last one counts for a while") == true)
        #expect(heard.count == 2)
    }

    @Test("ATTACK an older bundle brings a withdrawn key back: a sequence never goes backwards")
    func backwards() async throws {
        let (kit, mesh, _) = try await Mesh.start()
        let withdrawn = try TestKeys.key(.es256)
        let current = try TestKeys.stranger()
        try mesh.publish(current, sequence: 5)
        _ = try await key(kit, current)
        try mesh.publish(withdrawn, sequence: 4)
        kit.clock.advance(seconds: 60)
        await kit.server.spiffeBundles.refreshDue()
        await #expect(throws: JWTError.unknownKey) { try await self.key(kit, withdrawn) }
        _ = try await key(kit, current)
        // It does not confirm the newer one either.
        for _ in 0..<60 {
            kit.clock.advance(seconds: 60)
            await kit.server.spiffeBundles.refreshDue()
        }
        await #expect(throws: FetchError.self) { try await self.key(kit, current) }
    }

    @Test("an operator who names another source begins anew, also with the sequence")
    func anotherSource() async throws {
        let (kit, mesh, _) = try await Mesh.start()
        let old = try TestKeys.key(.es256)
        try mesh.publish(old, sequence: 9)
        _ = try await key(kit, old)
        let new = try TestKeys.stranger()
        kit.fetcher.put(Mesh.bundle(new, sequence: 1), at: "https://other.example.org/bundle")
        try await kit.update(.issuer, "mesh", ["jwks_uri": "https://other.example.org/bundle"])
        #expect(try await key(kit, new).keyID == new.keyID)
    }

    @Test("a bundle in a file of the server's own is read again when it changes")
    func file() async throws {
        let (kit, _, _) = try await Mesh.start()
        let old = try TestKeys.key(.es256)
        let new = try TestKeys.stranger()
        kit.fetcher.put(Mesh.bundle(old), at: "file:mesh.json")
        try await kit.update(.issuer, "mesh", ["jwks_uri": .null, "jwks_file": "mesh.json"])
        _ = try await key(kit, old)
        kit.fetcher.put(Mesh.bundle(new), at: "file:mesh.json")
        kit.clock.advance(seconds: 10)
        await kit.server.spiffeBundles.refreshDue()
        #expect(try await key(kit, new).keyID == new.keyID)
        await #expect(throws: JWTError.unknownKey) { try await self.key(kit, old) }
    }

    @Test("the authorities of X.509-SVIDs are handed out while the bundle counts, and to nobody else's trust domain")
    func authorities() async throws {
        let (kit, _, _) = try await Mesh.start()
        let bundles = kit.server.spiffeBundles
        let name = try #require(TrustDomain(domain))
        #expect(bundles.authorities(of: name).isEmpty)
        kit.fetcher.put(certified(2), at: url)
        #expect(await bundles.loadedAuthorities(of: name) == [[0x30, 0x03, 0x02, 0x01, 0x01]])
        #expect(bundles.authorities(of: name).count == 1)
        let stranger = try #require(TrustDomain("example.com"))
        #expect(await bundles.loadedAuthorities(of: stranger).isEmpty)
        try await kit.update(.issuer, "mesh", ["enabled": false])
        #expect(bundles.authorities(of: name).isEmpty)
    }

    @Test("rubbish at the endpoint changes nothing", arguments: ["", "[]", "<html>", #"{"keys":1}"#])
    func rubbish(text: String) async throws {
        let (kit, _, _) = try await Mesh.start()
        let known = try TestKeys.key(.es256)
        _ = try await key(kit, known)
        kit.fetcher.put(bytes: Array(text.utf8), at: url)
        kit.clock.advance(seconds: 60)
        await kit.server.spiffeBundles.refreshDue()
        _ = try await key(kit, known)
    }
}

/// What was reported of failed refreshes.
private final class Heard: Sendable {
    private let reasons = Mutex<[String]>([])

    var last: String? { reasons.withLock { $0.last } }
    var count: Int { reasons.withLock { $0.count } }

    @Sendable
    func hear(_ domain: TrustDomain, _ outcome: SPIFFEBundles.Outcome) {
        if case .failed(let reason) = outcome { reasons.withLock { $0.append(reason) } }
    }
}
