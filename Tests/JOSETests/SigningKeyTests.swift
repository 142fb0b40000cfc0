import JOSE
import Testing

@Suite("Signing keys")
struct SigningKeyTests {
    @Test("a token signed with each algorithm verifies with the public key", arguments: SignatureAlgorithm.allCases)
    func roundTrip(algorithm: SignatureAlgorithm) throws {
        let key = try Fixtures.key(algorithm)
        let payload = Array(#"{"sub":"agent","iat":1}"#.utf8)
        for type in ["at+jwt", "revocations+jwt"] {
            let token = try key.compactJWS(type: type, payload: payload)
            let unverified = try UnverifiedJWT(token)
            #expect(unverified.header.algorithm == algorithm)
            #expect(unverified.header.keyID == key.keyID)
            #expect(unverified.header.type == type)
            let published = try JWKSet(json: .object(JWKSet(keys: [key.publicKey]).json))
            let verified = try unverified.verified(with: published, algorithms: [algorithm], types: .exactly(type))
            #expect(try verified.string("sub") == "agent")
        }
    }

    @Test("the header of a token is the same bytes for every token of a type")
    func header() throws {
        let key = try Fixtures.key(.es256)
        let token = try key.compactJWS(type: "at+jwt", payload: [])
        let header = try #require(token.split(separator: ".", omittingEmptySubsequences: false).first)
        let text = String(decoding: try #require(Base64URL.decode(String(header))), as: UTF8.self)
        #expect(text == #"{"typ":"at+jwt","alg":"ES256","kid":"\#(key.keyID)"}"#)
    }

    @Test("payloads of every length come back whole")
    func lengths() throws {
        let key = try Fixtures.key(.ed25519)
        for length in 0..<100 {
            let payload = Array("{\"p\":\"".utf8) + [UInt8](repeating: 0x61, count: length) + Array("\"}".utf8)
            let token = try UnverifiedJWT(try key.compactJWS(type: "at+jwt", payload: payload))
            let verified = try token.verified(with: key.publicKey, types: .exactly("at+jwt"))
            #expect(try verified.string("p")?.utf8.count == length)
        }
    }

    @Test("the raw bytes make the same key again", arguments: SignatureAlgorithm.allCases)
    func rawRepresentation(algorithm: SignatureAlgorithm) throws {
        let key = try Fixtures.key(algorithm)
        let again = try SigningKey(algorithm: algorithm, rawRepresentation: key.rawRepresentation)
        #expect(again.keyID == key.keyID)
        #expect(again.publicKey == key.publicKey)
        #expect(again.rawRepresentation == key.rawRepresentation)
        let message: [UInt8] = [1, 2, 3]
        let signature = try again.signature(over: message)
        #expect(key.publicKey.isValidSignature(signature, over: message, algorithm: algorithm))
    }

    @Test("the key of RFC 8037 signs as A.4 says")
    func rfc8037() throws {
        let seed = try #require(Base64URL.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
        let key = try SigningKey(algorithm: .ed25519, rawRepresentation: seed)
        #expect(key.keyID == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        #expect(
            Base64URL.encode(try key.signature(over: Array(input.utf8)))
                == "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
    }

    @Test("the key of RFC 7515 A.3 has its public key")
    func rfc7515() throws {
        let scalar = try #require(Base64URL.decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"))
        let key = try SigningKey(algorithm: .es256, rawRepresentation: scalar)
        #expect(key.keyID == (try JWK(json: try JSON(parsing: Fixtures.ecKey))).thumbprint)
    }

    @Test("bytes that are no key are refused")
    func refused() throws {
        for algorithm in SignatureAlgorithm.allCases {
            for bytes in [[], [1], [UInt8](repeating: 1, count: 31), [UInt8](repeating: 1, count: 33)] as [[UInt8]] {
                #expect(throws: (any Error).self) { try SigningKey(algorithm: algorithm, rawRepresentation: bytes) }
            }
        }
        for byte in [UInt8(0), 255] {
            let scalar = [UInt8](repeating: byte, count: 32)
            #expect(throws: (any Error).self) { try SigningKey(algorithm: .es256, rawRepresentation: scalar) }
        }
        let rsa = try Fixtures.key(.rs256).rawRepresentation
        #expect(throws: (any Error).self) { try SigningKey(algorithm: .es256, rawRepresentation: rsa) }
        #expect(throws: (any Error).self) { try SigningKey(algorithm: .rs256, rawRepresentation: rsa.dropLast()) }
    }

    @Test("an RSA key has 3072 bits")
    func rsaSize() throws {
        let n = try Fixtures.key(.rs256).publicKey.json["n"]?.string.flatMap { Base64URL.decode($0) }
        #expect(n?.count == 384)
    }

    @Test("printing a key in any way shows nothing secret", arguments: SignatureAlgorithm.allCases)
    func redacted(algorithm: SignatureAlgorithm) throws {
        let key = try Fixtures.key(algorithm)
        var dumped = ""
        dump(key, to: &dumped)
        let expected = "SigningKey(\(algorithm.rawValue) \(key.keyID), redacted)"
        #expect("\(key)" == expected)
        #expect(String(reflecting: key) == expected)
        #expect(String(describing: [key]) == "[\(expected)]")
        #expect(Mirror(reflecting: key).children.isEmpty)
        #expect(dumped.split(separator: "\n").count == 1)
    }
}
