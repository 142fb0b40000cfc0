import JOSE
import Testing

/// Changes valid input at random, the same way every time. Nothing may stop the process, and nothing that was changed
/// may be accepted as what it was.
@Suite("Hostile input")
struct HostileInputTests {
    private static let interesting: [[UInt8]] =
        [
            ".", "..", "=", "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "true", "-1", "1e999", "1e308", "0", "00",
            "A", "_",
            "-", "\u{FEFF}", "\u{0}", "\n", " ", "\\u0000", "\\ud800", "\\udc00", "\u{1F600}", "alg", "none", "crit",
            "kid", "é",
            "9223372036854775808", "d", "keys",
        ].map { Array($0.utf8) } + [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]]

    /// One to three random changes.
    private func mutated(_ original: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, place + Int.random(in: 0...8, using: &random))
            switch Int.random(in: 0..<9, using: &random) {
            case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 2 where place < bytes.count:
                // Another character that base64url knows.
                bytes[place] = Base64URL.encode([UInt8.random(in: 0...255, using: &random)]).utf8.first ?? 0
            case 3: bytes.removeSubrange(place..<end)
            case 4: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
            case 5: bytes.replaceSubrange(place..<end, with: Self.interesting.randomElement(using: &random) ?? [])
            case 6: bytes.insert(contentsOf: Self.interesting.randomElement(using: &random) ?? [], at: place)
            case 7: bytes.removeSubrange(place...)
            default:
                let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
                bytes = Array(parts.shuffled(using: &random).joined(separator: [UInt8(ascii: ".")]))
            }
        }
        return bytes
    }

    @Test("no changed token is accepted", arguments: [UInt64(1), 2, 3, 4])
    func tokens(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let algorithm: SignatureAlgorithm = seed.isMultiple(of: 2) ? .ed25519 : .es256
        let key = try Fixtures.key(algorithm)
        let keys = JWKSet(keys: [key.publicKey])
        let claims =
            #"{"iss":"https://as.example","sub":"agent","aud":["a","b"],"exp":1300819380,"n":1.5,"x":{"y":null}}"#
        let original = Array(try key.compactJWS(type: "at+jwt", payload: Array(claims.utf8)).utf8)
        let types = JWTTypes.exactly("at+jwt")
        _ = try UnverifiedJWT(String(decoding: original, as: UTF8.self)).verified(with: keys, types: types)
        for _ in 0..<6_000 {
            let text = String(decoding: mutated(original, &random), as: UTF8.self)
            guard !text.utf8.elementsEqual(original) else { continue }
            guard let token = try? UnverifiedJWT(text) else { continue }
            if (try? token.verified(with: keys, types: types)) != nil { Issue.record("accepted: \(text)") }
        }
    }

    @Test("no token with a changed header or payload inside its encoding is accepted", arguments: [UInt64(5), 6])
    func segments(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let key = try Fixtures.key(.es256)
        let keys = JWKSet(keys: [key.publicKey])
        let header = Array(#"{"typ":"at+jwt","alg":"ES256","kid":"\#(key.keyID)"}"#.utf8)
        let claims = Array(
            #"{"iss":"https://as.example","aud":["a"],"exp":1300819380,"nbf":0.5,"act":{"sub":"x"}}"#.utf8)
        let original = try key.compactJWS(type: "at+jwt", payload: claims)
        let signature = try #require(original.split(separator: ".").last)
        for _ in 0..<6_000 {
            let changesHeader = Bool.random(using: &random)
            let text = [
                Base64URL.encode(changesHeader ? mutated(header, &random) : header),
                Base64URL.encode(changesHeader ? claims : mutated(claims, &random)), String(signature),
            ].joined(separator: ".")
            guard text != original, let token = try? UnverifiedJWT(text) else { continue }
            if (try? token.verified(with: keys, types: .exactly("at+jwt"))) != nil { Issue.record("accepted: \(text)") }
        }
    }

    @Test("changed claims under a good signature never stop whoever reads them")
    func claims() throws {
        var random = SplitMix64(state: 7)
        let key = try Fixtures.key(.ed25519)
        let original = Array(#"{"iss":"i","sub":"s","aud":["a"],"exp":1300819380,"nbf":1e5,"iat":12.5}"#.utf8)
        for _ in 0..<4_000 {
            let token = try key.compactJWS(type: "at+jwt", payload: mutated(original, &random))
            guard let unverified = try? UnverifiedJWT(token) else { continue }
            let verified = try unverified.verified(with: key.publicKey, types: .exactly("at+jwt"))
            for member in verified.claims.members {
                _ = try? verified.string(member.name)
                if let time = try? verified.time(member.name) { #expect((0...253_402_300_799).contains(time)) }
            }
            if let audience = verified.audience { #expect(!audience.isEmpty) }
        }
    }

    @Test("whatever JSON is read can be written and read again", arguments: [UInt64(8), 9])
    func documents(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let original = Array(
            #"{"a":[1,-2.5e3,true,false,null,"x\n\u00e9\ud83d\ude00"],"b":{"c":{"d":[[],{}]}},"é":"€","n":9223372036854775807}"#
                .utf8)
        for _ in 0..<10_000 {
            let bytes = mutated(original, &random)
            guard let json = try? JSON(parsing: bytes) else { continue }
            #expect(String(validating: bytes, as: UTF8.self) != nil)
            #expect(try JSON(parsing: json.serialized) == json)
            #expect(try JSON(parsing: json.pretty()) == json)
        }
    }

    @Test("random bytes never stop the parsers")
    func noise() {
        var random = SplitMix64(state: 10)
        let alphabet = Array("{}[]\",:.\\u0123456789eE+-truefalsn \n_A".utf8) + [0xC3, 0xA9, 0xED, 0xA0, 0x80, 0xF0]
        for _ in 0..<10_000 {
            let length = Int.random(in: 0..<64, using: &random)
            let bytes = (0..<length).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            if let json = try? JSON(parsing: bytes) { #expect((try? JSON(parsing: json.serialized)) == json) }
            if let decoded = Base64URL.decode(bytes) { #expect(Array(Base64URL.encode(decoded).utf8) == bytes) }
            _ = try? UnverifiedJWT(String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test("a changed key is refused or is another key", arguments: [UInt64(11), 12, 13])
    func keys(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let texts = [Fixtures.ecKey, Fixtures.rsaKey, Fixtures.okpKey]
        let original = Array(texts[Int(seed) % texts.count].utf8)
        let key = try JWK(json: try JSON(parsing: original))
        let parameters = ["kty", "crv", "x", "y", "n", "e"]
        for _ in 0..<3_000 {
            guard let json = try? JSON(parsing: mutated(original, &random)), let other = try? JWK(json: json) else {
                continue
            }
            #expect(try JWK(json: .object(other.json)) == other)
            // The same thumbprint only for the same parameters.
            let same = parameters.allSatisfy { other.json[$0] == key.json[$0] }
            #expect((other.thumbprint == key.thumbprint) == same)
            #expect(!other.isValidSignature([UInt8](repeating: 1, count: 64), over: [], algorithm: .es256))
        }
    }
}
