import JOSE
import Testing

@Suite("DPoP proofs")
struct DPoPProofTests {
    private static let now: Int64 = 1_562_262_616
    private static let url = "https://server.example.com/token"

    /// RFC 9449 section 4.1, figure 2: the proof at the token endpoint.
    private static let tokenProof = [
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo",
        "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.ey",
        "JqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijox",
        "NTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
    ].joined()

    private func claims(_ changes: [String: JSON?] = [:]) -> JSONObject {
        var claims: JSONObject = [
            "jti": "-BwC3ESc6acc2lTc", "htm": "POST", "htu": .string(Self.url), "iat": .integer(Self.now),
        ]
        for (name, value) in changes { claims[name] = value }
        return claims
    }

    private func header(_ key: SigningKey, _ changes: [String: JSON?] = [:]) -> JSONObject {
        var jwk = key.publicKey.json
        for name in ["kid", "alg", "use"] { jwk[name] = nil }
        var header: JSONObject = ["typ": "dpop+jwt", "alg": .string(key.algorithm.rawValue), "jwk": .object(jwk)]
        for (name, value) in changes { header[name] = value }
        return header
    }

    private func sign(_ header: JSONObject, _ claims: JSONObject, _ key: SigningKey) throws -> String {
        try Fixtures.token(header: header.text, payload: claims.text, key: key)
    }

    @discardableResult
    private func verify(
        _ proof: String, method: String = "POST", url: String = DPoPProofTests.url, accessToken: String? = nil,
        headers: DPoPHeaders = DPoPHeaders(), at now: Int64 = DPoPProofTests.now
    ) throws -> DPoPProof {
        try DPoPProof(
            verifying: proof, method: method, target: try #require(DPoPTarget(url)), accessToken: accessToken,
            headers: headers, at: now
        )
    }

    /// What a proof with these changes is refused for.
    private func refusal(
        header changes: [String: JSON?] = [:], claims more: [String: JSON?] = [:], accessToken: String? = nil,
        by algorithm: SignatureAlgorithm = .es256
    ) throws -> DPoPError? {
        let key = try Fixtures.key(algorithm)
        let proof = try sign(header(key, changes), claims(more), key)
        do {
            try verify(proof, accessToken: accessToken)
            return nil
        } catch let error as DPoPError {
            return error
        }
    }

    @Test("the proof of RFC 9449 section 4.1 is good, and its key has the thumbprint of section 6.1 (DP-42)")
    func vector() throws {
        let proof = try verify(Self.tokenProof)
        #expect(proof.keyThumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
        #expect(proof.id == "-BwC3ESc6acc2lTc")
        #expect(proof.issuedAt == Self.now)
        #expect(proof.nonce == nil)
    }

    @Test("ath is the digest of RFC 9449 section 7.1")
    func accessTokenDigest() {
        #expect(
            DPoPProof.digest(of: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
                == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")
    }

    @Test("every accepted algorithm proves, under EdDSA too", arguments: DPoPProof.algorithms)
    func algorithms(algorithm: SignatureAlgorithm) throws {
        #expect(try refusal(by: algorithm) == nil)
        if algorithm == .ed25519 { #expect(try refusal(header: ["alg": "EdDSA"], by: .ed25519) == nil) }
    }

    @Test(
        "an algorithm that is not on the list is refused (DP-10)",
        arguments: ["none", "None", "HS256", "RS256", "ES384", "es256", ""])
    func otherAlgorithms(name: String) throws {
        #expect(try refusal(header: ["alg": .string(name)], by: .rs256) == .token(.algorithmNotAllowed))
    }

    @Test("RS256 is refused although its key could verify it (DP-10)")
    func rs256() throws {
        #expect(try refusal(by: .rs256) == .token(.algorithmNotAllowed))
    }

    @Test("whoever is refused learns what would be accepted")
    func words() throws {
        #expect(
            try refusal(by: .rs256)?.description
                == "alg of the DPoP proof must be one of ES256, Ed25519, PS256, and that of the key in its header.")
        #expect(
            try refusal(header: ["typ": "JWT"])?.description == "typ of the DPoP proof must be dpop+jwt.")
        let long = #expect(throws: DPoPError.self) { try verify(String(repeating: "a", count: 9_000)) }
        #expect(long?.description == "The DPoP proof is not accepted: it is longer than 8192 bytes.")
    }

    @Test("each member of the header has to be there (DP-08)", arguments: ["typ", "alg", "jwk"])
    func missingHeader(name: String) throws {
        #expect(try refusal(header: [name: nil]) != nil)
    }

    @Test("each claim has to be there (DP-08)", arguments: ["jti", "htm", "htu", "iat"])
    func missingClaim(name: String) throws {
        #expect(try refusal(claims: [name: nil]) != nil)
    }

    @Test("only the type of a proof is one; its case does not count, as for all media types (DP-09)")
    func types() throws {
        for type in ["JWT", "at+jwt", "secevent+jwt", "dpop", ""] {
            #expect(try refusal(header: ["typ": .string(type)]) == .token(.wrongType))
        }
        #expect(try refusal(header: ["typ": "DPOP+JWT"]) == nil)
        #expect(try refusal(header: ["typ": "application/dpop+jwt"]) == nil)
    }

    @Test("a private key in the header is refused (DP-12)", arguments: ["d", "p", "k"])
    func privateKey(member: String) throws {
        let key = try Fixtures.key(.es256)
        var jwk = key.publicKey.json
        jwk[member] = "AQ"
        #expect(try refusal(header: ["jwk": .object(jwk)]) == .key(.privateKey))
    }

    @Test("a key that cannot be one is refused, whatever it is (DP-13)")
    func badKeys() throws {
        let zero = String(repeating: "A", count: 43)
        // All bits set, so odd: of 1008 and of 2064 bits.
        let (short, long) = (String(repeating: "_", count: 168), String(repeating: "_", count: 344))
        let keys: [(key: JSON, error: JWKError)] = [
            (.object(["kty": "oct", "k": "AAAA"]), .privateKey),
            (.object(["kty": "oct"]), .privateKey),
            (.object(["kty": "EC", "crv": "P-256", "x": .string(zero), "y": .string(zero)]), .invalidPoint),
            (.object(["kty": "EC", "crv": "P-384", "x": .string(zero), "y": .string(zero)]), .unsupported("crv")),
            (.object(["kty": "RSA", "n": .string(short), "e": "AQAB"]), .invalidRSAKey),
            (.object(["kty": "RSA", "n": .string(long), "e": "AQ"]), .invalidRSAKey),
            (.object(["kty": "RSA", "n": .string(long), "e": "Aw"]), .invalidRSAKey),
            (.object([:]), .malformed("kty is missing")),
        ]
        for (key, error) in keys { #expect(try refusal(header: ["jwk": key]) == .key(error)) }
        for key: JSON in [.array([]), .null, "key"] {
            #expect(try refusal(header: ["jwk": key]) == .key(.malformed("not a JSON object")))
        }
    }

    @Test("a good key is none for another algorithm (DP-13)")
    func otherType() throws {
        let key = JSON.object(try Fixtures.key(.ed25519).publicKey.json)
        #expect(try refusal(header: ["jwk": key]) == .token(.algorithmNotAllowed))
    }

    @Test("a signature by another key than that of the header is refused")
    func signature() throws {
        let other = try SigningKey.generate(.es256)
        let proof = try sign(header(try Fixtures.key(.es256)), claims(), other)
        #expect(throws: DPoPError.token(.badSignature)) { try verify(proof) }
    }

    @Test("every bit counts")
    func changed() throws {
        let parts = Self.tokenProof.split(separator: ".").map(String.init)
        for (index, part) in parts.enumerated() {
            var changed = parts
            changed[index] = (part.first == "e" ? "f" : "e") + part.dropFirst()
            #expect(throws: DPoPError.self) { try verify(changed.joined(separator: ".")) }
        }
        for text in ["", ".", "..", "a.b.c", Self.tokenProof + ".x", Self.tokenProof + "," + Self.tokenProof] {
            #expect(throws: DPoPError.self) { try verify(text) }
        }
    }

    @Test("critical extensions are not understood")
    func critical() throws {
        #expect(try refusal(header: ["crit": ["exp"], "exp": 1]) != nil)
        #expect(try refusal(header: ["b64": false]) != nil)
    }

    @Test("htm is the method, in its own case (DP-14)", arguments: ["GET", "post", "Post", "POST ", ""])
    func method(name: String) throws {
        #expect(try refusal(claims: ["htm": .string(name)]) == .method)
    }

    @Test("htu is the URL and a text (DP-33)")
    func target() throws {
        for value: JSON in [
            "https://server.example.com/other", "https://other.example.com/token", "", .null, 1,
            ["https://server.example.com/token"],
        ] {
            #expect(try refusal(claims: ["htu": value]) == .target)
        }
        #expect(try refusal(claims: ["htu": "HTTPS://SERVER.example.com:443/%74oken?q#f"]) == nil)
    }

    @Test("iat is a whole number and within a minute (DP-18, DP-33)")
    func issuedAt() throws {
        for value: JSON in ["1562262616", 1.5, -1, 1e300, .null, true, [1_562_262_616]] {
            #expect(try refusal(claims: ["iat": value]) == .issuedAt)
        }
        for offset in [-60, -10, 0, 10, 60] as [Int64] {
            #expect(try refusal(claims: ["iat": .integer(Self.now + offset)]) == nil)
        }
        #expect(try refusal(claims: ["iat": .integer(Self.now - 61)]) == .tooOld)
        #expect(try refusal(claims: ["iat": .integer(0)]) == .tooOld)
        #expect(try refusal(claims: ["iat": .integer(Self.now + 61)]) == .tooEarly)
        #expect(try refusal(claims: ["iat": .integer(.max)]) == .tooEarly)
    }

    @Test("exp and nbf count when they are there, and other claims do not (DP-20)")
    func furtherClaims() throws {
        #expect(
            try refusal(claims: [
                "nbf": .integer(Self.now - 5), "exp": .integer(Self.now + 60), "anything": ["at", "all"],
            ]) == nil)
        #expect(try refusal(claims: ["nbf": .integer(Self.now + 61)]) == .tooEarly)
        #expect(try refusal(claims: ["exp": .integer(Self.now - 61)]) == .expired)
        #expect(try refusal(claims: ["exp": "soon"]) == .expired)
    }

    @Test("jti is a text of a sensible length")
    func identifier() throws {
        for value: JSON in ["", .string(String(repeating: "j", count: 257)), 1, .null, ["x"]] {
            #expect(try refusal(claims: ["jti": value]) == .identifier)
        }
    }

    @Test("nonce is handed on as it stands, and must be a text")
    func nonce() throws {
        let key = try Fixtures.key(.es256)
        #expect(try verify(sign(header(key), claims(["nonce": "n-1"]), key)).nonce == "n-1")
        for value: JSON in ["", 1, .null, .string(String(repeating: "n", count: 257))] {
            #expect(try refusal(claims: ["nonce": value]) == .nonce)
        }
    }

    @Test("with an access token ath has to be its digest")
    func accessToken() throws {
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
        #expect(try refusal(claims: ["ath": .string(DPoPProof.digest(of: token))], accessToken: token) == nil)
        #expect(try refusal(accessToken: token) == .accessToken)
        #expect(try refusal(claims: ["ath": .string(DPoPProof.digest(of: "x"))], accessToken: token) == .accessToken)
        #expect(try refusal(claims: ["ath": .string(token)], accessToken: token) == .accessToken)
    }

    @Test("a header that is known spares nothing but reading it again")
    func knownHeader() throws {
        let headers = DPoPHeaders()
        let (key, other) = (try Fixtures.key(.es256), try Fixtures.key(.ed25519))
        let first = try verify(try sign(header(key), claims(), key), headers: headers)
        #expect(headers.count == 1)
        let second = try verify(try sign(header(key), claims(["jti": "second"]), key), headers: headers)
        #expect(second.id == "second" && second.keyThumbprint == first.keyThumbprint && headers.count == 1)
        // The header of one key, the signature of another; and claims that were not signed.
        #expect(throws: DPoPError.token(.badSignature)) {
            try verify(try sign(header(key), claims(), other), headers: headers)
        }
        let signed = try sign(header(key), claims(), key).split(separator: ".")
        let changed = try sign(header(key), claims(["jti": "changed"]), key).split(separator: ".")
        #expect(throws: DPoPError.token(.badSignature)) {
            try verify([signed[0], changed[1], signed[2]].joined(separator: "."), headers: headers)
        }
        #expect(throws: DPoPError.method) {
            try verify(try sign(header(key), claims(["htm": "GET"]), key), headers: headers)
        }
    }

    @Test("headers of bad proofs are not remembered, and those of good ones are few")
    func boundedHeaders() throws {
        let headers = DPoPHeaders(capacity: 4)
        let (key, other) = (try Fixtures.key(.es256), try Fixtures.key(.ed25519))
        _ = try? verify(try sign(header(key), claims(), other), headers: headers)
        #expect(headers.count == 0)
        for number in 0..<20 {
            let proof = try sign(header(key, ["kid": .string("\(number)")]), claims(), key)
            try verify(proof, headers: headers)
            try verify(proof, headers: headers)
            #expect((1...4).contains(headers.count))
        }
        // More than is worth remembering.
        let count = headers.count
        let long = String(repeating: "x", count: 500)
        try verify(try sign(header(key, ["kid": .string(long)]), claims(), key), headers: headers)
        #expect(headers.count == count)
    }

    @Test("a proof that is made here is a good one", arguments: DPoPProof.algorithms)
    func made(algorithm: SignatureAlgorithm) throws {
        let key = try Fixtures.key(algorithm)
        let text = try DPoPProof.signed(
            by: key, method: "GET", url: Self.url + "?q#f", accessToken: "a.b.c", nonce: "n", id: "1", at: Self.now)
        let proof = try verify(text, method: "GET", accessToken: "a.b.c")
        #expect(proof.keyThumbprint == key.publicKey.thumbprint)
        #expect(proof.nonce == "n")
        #expect(proof.id == "1")
    }

    @Test("whatever bytes come, nothing stops and nothing passes")
    func noise() {
        var random = SplitMix64(state: 9_449)
        let good = Array(Self.tokenProof.utf8)
        for _ in 0..<4_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = UInt8.random(in: 0x20...0x7E, using: &random)
            }
            guard bytes != good else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            if (try? verify(text)) != nil { Issue.record("accepted: \(text)") }
        }
    }
}
