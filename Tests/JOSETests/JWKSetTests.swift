import JOSE
import Testing

@Suite("Key sets")
struct JWKSetTests {
    private func set(_ keys: [JSON]) throws -> JWKSet {
        try JWKSet(json: ["keys": .array(keys)])
    }

    private func entry(_ text: String, _ changes: [String: JSON?] = [:]) throws -> JSON {
        var object = try #require(try JSON(parsing: text).object)
        for (name, value) in changes { object[name] = value }
        return .object(object)
    }

    @Test("a set or one bare key is taken, anything else refused")
    func forms() throws {
        let bare = try entry(Fixtures.ecKey)
        #expect(try JWKSet(json: bare).keys.count == 1)
        #expect(try set([bare]).keys.count == 1)
        for json in [
            .null, .array([bare]), .object([:]), ["keys": bare], ["keys": .null], "x", ["jwks": .array([bare])],
        ] as [JSON] {
            #expect(throws: JWKError.self) { try JWKSet(json: json) }
        }
        #expect(throws: JWKError.noUsableKey) { try set([]) }
        #expect(throws: JWKError.self) { try set([bare, .null]) }
        #expect(throws: JWKError.self) { try set([bare, "x"]) }
    }

    @Test("keys that are not supported are passed over, broken ones refuse the set")
    func skipping() throws {
        let good = try entry(Fixtures.ecKey, ["kid": "good"])
        let others = [
            try entry(Fixtures.ecKey, ["crv": "P-521"]), try entry(Fixtures.okpKey, ["crv": "X25519"]),
            ["kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"],
            try entry(Fixtures.rsaKey, ["use": "enc", "alg": "RSA-OAEP"]), try entry(Fixtures.rsaKey, ["use": "enc"]),
        ]
        #expect(try set(others + [good]).keys.map(\.keyID) == ["good"])
        #expect(throws: JWKError.noUsableKey) { try set(others) }
        #expect(throws: JWKError.malformed("y is missing")) { try set([good, try entry(Fixtures.ecKey, ["y": nil])]) }
        #expect(throws: JWKError.algorithmDoesNotFit) { try set([good, try entry(Fixtures.ecKey, ["alg": "RS256"])]) }
    }

    @Test("private key material anywhere refuses the set")
    func privateMaterial() throws {
        let good = try entry(Fixtures.ecKey)
        #expect(throws: JWKError.privateKey) { try set([good, try entry(Fixtures.ecKey, ["d": "AA"])]) }
        #expect(throws: JWKError.privateKey) { try set([good, ["kty": "oct", "k": "AA"]]) }
        #expect(throws: JWKError.privateKey) { try set([good, ["kty": "AKP", "priv": "AA"]]) }
        #expect(throws: JWKError.privateKey) {
            try set([good, try entry(Fixtures.rsaKey, ["use": "enc", "d": "AA"])])
        }
        #expect(throws: JWKError.privateKey) { try JWKSet(json: ["keys": [good], "d": "AA"]) }
        #expect(throws: JWKError.privateKey) { try JWKSet(json: try entry(Fixtures.ecKey, ["d": "AA"])) }
    }

    @Test("a set has at most 100 entries, counting those passed over")
    func size() throws {
        let unknown: JSON = ["kty": "new"]
        let good = try entry(Fixtures.ecKey)
        #expect(try set([JSON](repeating: unknown, count: 99) + [good]).keys.count == 1)
        #expect(throws: JWKError.tooManyKeys) { try set([JSON](repeating: unknown, count: 100) + [good]) }
    }

    @Test("two keys with one kid are refused when both fit an algorithm")
    func ambiguous() throws {
        let ec = try entry(Fixtures.ecKey, ["kid": "a"])
        let okp = try entry(Fixtures.okpKey, ["kid": "a"])
        let rsa = try entry(Fixtures.rsaKey, ["kid": "a"])
        #expect(throws: JWKError.ambiguousKeys) { try set([ec, ec]) }
        #expect(throws: JWKError.ambiguousKeys) {
            try set([ec, try entry(Fixtures.ecKey, ["kid": "a", "alg": "ES256"])])
        }
        #expect(throws: JWKError.ambiguousKeys) {
            try set([rsa, try entry(Fixtures.rsaKey, ["kid": "a", "alg": "PS256"])])
        }
        #expect(try set([ec, okp, rsa]).keys.count == 3)
        let rs = try entry(Fixtures.rsaKey, ["kid": "a", "alg": "RS256"])
        let ps = try entry(Fixtures.rsaKey, ["kid": "a", "alg": "PS256"])
        #expect(try set([rs, ps]).keys.count == 2)
    }

    @Test("a header with kid gets that key and no other")
    func byKeyID() throws {
        let keys = try set([
            try entry(Fixtures.ecKey, ["kid": "K"]), try entry(Fixtures.okpKey, ["kid": "o", "alg": "EdDSA"]),
            try entry(Fixtures.rsaKey, ["kid": "r", "alg": "RS256"]), try entry(Fixtures.rsaKey),
        ])
        func found(_ header: String) throws -> String? {
            keys.key(for: try Fixtures.header(header)).map { $0.keyID ?? "without kid" }
        }
        #expect(try found(#"{"alg":"ES256","kid":"K"}"#) == "K")
        #expect(try found(#"{"alg":"ES256","kid":"\u212A"}"#) == nil)
        #expect(try found(#"{"alg":"ES256","kid":"k"}"#) == nil)
        #expect(try found(#"{"alg":"ES256","kid":""}"#) == nil)
        #expect(try found(#"{"alg":"ES256","kid":"o"}"#) == nil)
        #expect(try found(#"{"alg":"RS256","kid":"K"}"#) == nil)
        #expect(try found(#"{"alg":"EdDSA","kid":"o"}"#) == "o")
        #expect(try found(#"{"alg":"Ed25519","kid":"o"}"#) == "o")
        #expect(try found(#"{"alg":"RS256","kid":"r"}"#) == "r")
        #expect(try found(#"{"alg":"PS256","kid":"r"}"#) == nil)
        #expect(try found(#"{"alg":"RS256","kid":"unknown"}"#) == nil)
        #expect(try found(#"{"alg":"HS256","kid":"K"}"#) == nil)
    }

    @Test("a header without kid gets a key only when just one fits")
    func withoutKeyID() throws {
        let keys = try set([
            try entry(Fixtures.ecKey, ["kid": "e"]), try entry(Fixtures.rsaKey, ["kid": "r", "alg": "RS256"]),
            try entry(Fixtures.rsaKey, ["kid": "both"]),
        ])
        func found(_ header: String) throws -> String? { keys.key(for: try Fixtures.header(header))?.keyID }
        #expect(try found(#"{"alg":"ES256"}"#) == "e")
        #expect(try found(#"{"alg":"PS256"}"#) == "both")
        #expect(try found(#"{"alg":"RS256"}"#) == nil)
        #expect(try found(#"{"alg":"EdDSA"}"#) == nil)
        #expect(try found(#"{"alg":"none"}"#) == nil)
        #expect(JWKSet(keys: []).key(for: try Fixtures.header(#"{"alg":"ES256"}"#)) == nil)
    }

    @Test("a published set reads back the same")
    func published() throws {
        let keys = JWKSet(keys: [try Fixtures.key(.es256).publicKey, try Fixtures.key(.rs256).publicKey])
        let read = try JWKSet(json: try JSON(parsing: keys.json.text))
        #expect(read.keys == keys.keys)
    }
}
