import JOSE
import Support
import Testing

@testable import OAuth

@Suite("Key sets of others")
struct KeySetsTests {
    private let url = "https://idp.example.com/jwks"
    private let clock = TestClock()
    private let fetcher = StubFetcher()

    private func sets(floor: Int = 10) -> KeySets { KeySets(fetcher: fetcher, now: clock.now, floor: floor) }

    private func header(_ keyID: String?, algorithm: String = "ES256") throws -> JWTHeader {
        var header: JSONObject = ["alg": .string(algorithm)]
        if let keyID { header["kid"] = .string(keyID) }
        return try UnverifiedJWT(Base64URL.encode(header.serialized) + ".e30.AA").header
    }

    private func key(_ sets: KeySets, _ keyID: String?) async throws -> JWK {
        try await sets.key(for: try header(keyID), in: .uri(url), allowPrivate: false)
    }

    @Test("a set is fetched once and used for ten minutes")
    func once() async throws {
        let signer = try TestKeys.key(.es256)
        fetcher.put(TestKeys.jwks(signer), at: url)
        let sets = sets()
        for _ in 0..<5 {
            #expect(try await key(sets, signer.keyID) == signer.publicKey)
            clock.advance(seconds: 100)
        }
        #expect(fetcher.requests(for: url) == 1)
        clock.advance(seconds: 100)
        _ = try await key(sets, signer.keyID)
        #expect(fetcher.requests(for: url) == 2)
    }

    @Test("many questions at once are one fetch")
    func joined() async throws {
        let signer = try TestKeys.key(.es256)
        fetcher.put(TestKeys.jwks(signer), at: url)
        fetcher.hold()
        let sets = sets()
        try await withThrowingTaskGroup(of: JWK.self) { group in
            for _ in 0..<50 { group.addTask { try await self.key(sets, signer.keyID) } }
            while fetcher.requests(for: url) == 0 { await Task.yield() }
            try await Task.sleep(for: .milliseconds(20))
            fetcher.release()
            for try await found in group { #expect(found == signer.publicKey) }
        }
        #expect(fetcher.requests(for: url) == 1)
    }

    @Test("an unknown kid fetches again, but not before the floor")
    func floor() async throws {
        let signer = try TestKeys.key(.es256)
        let fresh = try TestKeys.stranger()
        fetcher.put(TestKeys.jwks(signer), at: url)
        let sets = sets()
        _ = try await key(sets, signer.keyID)
        fetcher.put(TestKeys.jwks(signer, fresh), at: url)
        for _ in 0..<20 {
            await #expect(throws: JWTError.unknownKey) { try await self.key(sets, fresh.keyID) }
        }
        #expect(fetcher.requests(for: url) == 1)
        clock.advance(seconds: 10)
        #expect(try await key(sets, fresh.keyID) == fresh.publicKey)
        #expect(fetcher.requests(for: url) == 2)
    }

    @Test("invented kids cannot make us hammer an identity provider")
    func hammering() async throws {
        fetcher.put(TestKeys.jwks(try TestKeys.key(.es256)), at: url)
        let sets = sets()
        for index in 0..<100 {
            _ = try? await key(sets, "invented-\(index)")
            clock.advance(seconds: 1)
        }
        #expect(fetcher.requests(for: url) <= 11)
    }

    @Test("while an identity provider is away its known keys go on working for their ten minutes")
    func away() async throws {
        let signer = try TestKeys.key(.es256)
        fetcher.put(TestKeys.jwks(signer), at: url)
        let sets = sets()
        _ = try await key(sets, signer.keyID)
        fetcher.put(nil, at: url)
        clock.advance(seconds: 599)
        _ = try await key(sets, signer.keyID)
        clock.advance(seconds: 1)
        await #expect(throws: FetchError.self) { try await self.key(sets, signer.keyID) }
    }

    @Test("a set that could not be had is not asked for again before the floor")
    func failing() async throws {
        let sets = sets()
        for _ in 0..<10 { await #expect(throws: FetchError.self) { try await self.key(sets, "k") } }
        #expect(fetcher.requests(for: url) == 1)
        let signer = try TestKeys.key(.es256)
        fetcher.put(TestKeys.jwks(signer), at: url)
        clock.advance(seconds: 10)
        #expect(try await key(sets, signer.keyID) == signer.publicKey)
    }

    @Test("a document that is not a public key set is no set", arguments: ["", "[]", "{}", #"{"keys":[]}"#, "<html>"])
    func rubbish(text: String) async throws {
        fetcher.put(bytes: Array(text.utf8), at: url)
        await #expect(throws: (any Error).self) { try await self.key(self.sets(), "k") }
    }

    @Test("a set with a private key in it is refused whole")
    func privateKey() async throws {
        let signer = try TestKeys.key(.es256)
        var leaked = signer.publicKey.json
        leaked["d"] = .string(Base64URL.encode([UInt8](repeating: 7, count: 32)))
        fetcher.put(["keys": [.object(leaked)]], at: url)
        await #expect(throws: (any Error).self) { try await self.key(self.sets(), signer.keyID) }
    }

    @Test("a registered set is never fetched")
    func registered() async throws {
        let signer = try TestKeys.key(.es256)
        let document = TestKeys.jwks(signer)
        let keys = ClientKeys.set(try JWKSet(json: .object(document)), text: document.text)
        let sets = sets()
        #expect(try await sets.key(for: try header(signer.keyID), in: keys, allowPrivate: false) == signer.publicKey)
        await #expect(throws: JWTError.unknownKey) {
            try await sets.key(for: try self.header("other"), in: keys, allowPrivate: false)
        }
        #expect(fetcher.requests(for: url) == 0)
    }

    @Test("HOST-82 a clock that is set back neither keeps an old set nor forbids a fetch")
    func clockSetBack() async throws {
        let signer = try TestKeys.key(.es256)
        fetcher.put(TestKeys.jwks(signer), at: url)
        let sets = sets()
        _ = try await key(sets, signer.keyID)
        clock.jump(seconds: -3600)
        _ = try await key(sets, signer.keyID)
        #expect(fetcher.requests(for: url) == 2)
    }
}
