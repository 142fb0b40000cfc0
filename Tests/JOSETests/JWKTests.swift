import JOSE
import Testing

@Suite("JSON Web Keys")
struct JWKTests {
    private func key(_ text: String) throws -> JWK {
        try JWK(json: try JSON(parsing: text))
    }

    /// A key of the fixtures with some members changed; a nil value removes one.
    private func key(_ text: String, _ changes: [String: JSON?]) throws -> JWK {
        var object = try #require(try JSON(parsing: text).object)
        for (name, value) in changes { object[name] = value }
        return try JWK(json: .object(object))
    }

    @Test("thumbprints are those of RFC 9449, RFC 7638 and RFC 8037")
    func thumbprints() throws {
        let ec = try key(
            """
            {"kty":"EC","crv":"P-256","kid":"any","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
             "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}
            """)
        #expect(ec.thumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
        let rsa = try key(
            """
            {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP\
            ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8\
            KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw\
            0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}
            """)
        #expect(rsa.thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        #expect(try key(Fixtures.okpKey).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    }

    private static let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

    @Test("the signature of RFC 7515 A.2 (RS256) verifies")
    func rs256() throws {
        let signature = try #require(
            Base64URL.decode(
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb"
                    + "F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN"
                    + "9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5A"
                    + "XLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"))
        let message = Array("eyJhbGciOiJSUzI1NiJ9.\(Self.payload)".utf8)
        let key = try key(Fixtures.rsaKey)
        #expect(key.isValidSignature(signature, over: message, algorithm: .rs256))
        #expect(!key.isValidSignature(signature, over: message, algorithm: .ps256))
        #expect(!key.isValidSignature(signature, over: message, algorithm: .es256))
        #expect(!key.isValidSignature([0] + signature, over: message, algorithm: .rs256))
        #expect(!key.isValidSignature([], over: message, algorithm: .rs256))
        #expect(!key.isValidSignature(signature, over: message + [0], algorithm: .rs256))
    }

    @Test("the signature of RFC 7515 A.3 (ES256) verifies")
    func es256() throws {
        let signature = try #require(
            Base64URL.decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"))
        let message = Array("eyJhbGciOiJFUzI1NiJ9.\(Self.payload)".utf8)
        let key = try key(Fixtures.ecKey)
        #expect(key.isValidSignature(signature, over: message, algorithm: .es256))
        for algorithm in [SignatureAlgorithm.ed25519, .rs256, .ps256] {
            #expect(!key.isValidSignature(signature, over: message, algorithm: algorithm))
        }
    }

    @Test("the signature of RFC 8037 A.4 (Ed25519) verifies")
    func ed25519() throws {
        let signature = try #require(
            Base64URL.decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"))
        let message = Array("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".utf8)
        let key = try key(Fixtures.okpKey)
        #expect(key.isValidSignature(signature, over: message, algorithm: .ed25519))
        #expect(!key.isValidSignature(signature.dropLast(), over: message, algorithm: .ed25519))
        #expect(!key.isValidSignature([], over: message, algorithm: .ed25519))
        #expect(!key.isValidSignature(signature, over: [], algorithm: .ed25519))
    }

    @Test("an ES256 signature is 64 bytes with r and s in range")
    func ecSignatureForms() throws {
        let signing = try Fixtures.key(.es256)
        let message: [UInt8] = [1, 2, 3]
        let signature = try signing.signature(over: message)
        let key = signing.publicKey
        #expect(signature.count == 64)
        #expect(key.isValidSignature(signature, over: message, algorithm: .es256))

        func integer(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
            let stripped = Array(bytes.drop { $0 == 0 })
            let padded = stripped.first.map { $0 > 127 } ?? true ? [0] + stripped : stripped
            return [0x02, UInt8(padded.count)] + padded
        }
        let body = integer(signature[..<32]) + integer(signature[32...])
        let der = [0x30, UInt8(body.count)] + body
        let order = try #require(Base64URL.decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE"))
        let zero = [UInt8](repeating: 0, count: 32)
        let refused: [[UInt8]] = [
            der, [], zero + zero, Array(signature[..<32]) + zero, zero + Array(signature[32...]),
            Array(signature[..<32]) + order, order + Array(signature[32...]), order + order, signature + [0],
            Array(signature.dropLast()), [0] + signature, [UInt8](repeating: 255, count: 64),
        ]
        for other in refused { #expect(!key.isValidSignature(other, over: message, algorithm: .es256)) }
    }

    @Test("private and symmetric keys are refused, whatever else is wrong")
    func privateKeys() {
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
            for text in [Fixtures.ecKey, Fixtures.rsaKey, Fixtures.okpKey] {
                #expect(throws: JWKError.privateKey) { try key(text, [name: "AQAB"]) }
                #expect(throws: JWKError.privateKey) { try key(text, [name: .some(.null)]) }
                #expect(throws: JWKError.privateKey) { try key(text, [name: "AA", "kty": "new"]) }
            }
        }
        #expect(throws: JWKError.privateKey) { try key(#"{"kty":"oct"}"#) }
        #expect(throws: JWKError.privateKey) { try key(#"{"kty":"oct","k":"AAAA"}"#) }
    }

    @Test("a point that is not on P-256, or not fully written, is refused")
    func p256Points() {
        let point = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
        #expect(throws: JWKError.invalidPoint) { try key(Fixtures.ecKey, ["y": .string(point)]) }
        let zero = String(repeating: "A", count: 43)
        #expect(throws: JWKError.invalidPoint) { try key(Fixtures.ecKey, ["x": .string(zero), "y": .string(zero)]) }
        let ones = String(repeating: "_", count: 42) + "8"
        #expect(throws: JWKError.invalidPoint) { try key(Fixtures.ecKey, ["x": .string(ones)]) }
        let bad: [JSON?] = [
            nil, .null, 1, "", "AA", .string(point + "="), .string(String(point.dropLast())), .string("AA" + point),
            .string(String(point.dropLast()) + "V"), .string(String(point.dropLast()) + "\n"), [.string(point)],
            .string(Base64URL.encode([UInt8](repeating: 1, count: 31))),
            .string(Base64URL.encode([UInt8](repeating: 1, count: 33))),
        ]
        for value in bad {
            for name in ["x", "y"] {
                let error = #expect(throws: JWKError.self) { try key(Fixtures.ecKey, [name: value]) }
                guard case .malformed? = error else {
                    Issue.record("not malformed: \(String(describing: error))")
                    continue
                }
            }
        }
    }

    @Test(
        "an Ed25519 key that is no point, not canonical or of small order is refused",
        arguments: [
            // Not on the curve.
            "8c2e0718822ce47ca8c74107e66cb0e4b2b3f4d58d82ca6386d2c96e3b87c04d",
            "3129903ac1d45597a242fdf11f8f2b1a39f3c3e693114351dcbed4077173db02",
            "a0661970ef3f6df0148ded7e8a34888d396cab3b80d27f58df111a3b1ef9a256",
            // Orders 4, 1, 8, 8, 2, with either sign.
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            // Zero, one and more written with the modulus added.
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ])
    func weakEd25519(hex: String) throws {
        #expect(throws: JWKError.invalidPoint) {
            try key(Fixtures.okpKey, ["x": .string(Base64URL.encode(try bytes(hex: hex)))])
        }
    }

    @Test(
        "any other point of Ed25519 is taken",
        arguments: [
            "f5b165224a58b791df6af1d8303e61cdc4bb86c3d1c427103c344c41c4f5170f",
            "7bd5d47e446fcec2a3d811736110e5781bcccea696762e6116c6e9c996ccdf1a",
            "85c924c3597164c4a6058a00581a22b22de50472433d2e44fed8b6b81a3fa2e6",
            "b99e8306dda748a61e029a8a3f415b024a146cf0d98a98e1cf999661fcb3de57",
            "df0e7337420c13f8f5d40f6ce079d1b987376f07bcb81287fdc8c03847f4c061",
        ])
    func strongEd25519(hex: String) throws {
        _ = try key(Fixtures.okpKey, ["x": .string(Base64URL.encode(try bytes(hex: hex)))])
    }

    @Test("every Ed25519 key that is made is taken")
    func generatedEd25519() throws {
        for _ in 0..<50 { _ = try SigningKey.generate(.ed25519) }
    }

    @Test("an RSA modulus has 2048 to 8192 bits and is odd")
    func rsaModulus() throws {
        func modulus(bits: Int, odd: Bool = true) -> JSON {
            var bytes = [UInt8](repeating: 0xA5, count: (bits + 7) / 8)
            bytes[0] = UInt8(1 << ((bits - 1) % 8))
            if !odd { bytes[bytes.count - 1] = 0xA4 }
            return .string(Base64URL.encode(bytes))
        }
        for bits in [2_048, 2_049, 3_072, 4_096, 8_191, 8_192] {
            #expect(try key(Fixtures.rsaKey, ["n": modulus(bits: bits)]).supported == [.rs256, .ps256])
        }
        for bits in [8, 512, 1_024, 2_047, 8_193, 16_384] {
            #expect(throws: JWKError.self) { try key(Fixtures.rsaKey, ["n": modulus(bits: bits)]) }
        }
        #expect(throws: JWKError.invalidRSAKey) { try key(Fixtures.rsaKey, ["n": modulus(bits: 2_048, odd: false)]) }
        let padded = [0] + (Base64URL.decode(modulus(bits: 2_048).string ?? "") ?? [])
        #expect(throws: JWKError.self) { try key(Fixtures.rsaKey, ["n": .string(Base64URL.encode(padded))]) }
        for value: JSON? in [nil, .null, "", "A", 3, .string(String(repeating: "_", count: 100_000))] {
            #expect(throws: JWKError.self) { try key(Fixtures.rsaKey, ["n": value]) }
        }
    }

    @Test("an RSA exponent is odd, at least 65537 and at most 2^32")
    func rsaExponent() throws {
        let accepted: [[UInt8]] = [[1, 0, 1], [1, 0, 3], [255, 255, 255, 255]]
        for exponent in accepted {
            _ = try key(Fixtures.rsaKey, ["e": .string(Base64URL.encode(exponent))])
        }
        let refused: [[UInt8]] = [
            [], [0], [1], [2], [3], [17], [255, 255], [1, 0, 0], [1, 0, 2], [0, 1, 0, 1], [1, 0, 0, 0, 0],
            [1, 0, 0, 0, 1],
            [255, 255, 255, 255, 255], [UInt8](repeating: 255, count: 256),
        ]
        for exponent in refused {
            #expect(throws: JWKError.self) { try key(Fixtures.rsaKey, ["e": .string(Base64URL.encode(exponent))]) }
        }
    }

    @Test("a key for another purpose, algorithm or curve is not supported")
    func unsupported() {
        let cases: [(String, String, JSON)] = [
            (Fixtures.ecKey, "use", "enc"), (Fixtures.ecKey, "use", "SIG"), (Fixtures.ecKey, "alg", "ES384"),
            (Fixtures.ecKey, "alg", "none"), (Fixtures.ecKey, "alg", "HS256"), (Fixtures.ecKey, "alg", "es256"),
            (Fixtures.rsaKey, "alg", "RSA-OAEP"), (Fixtures.ecKey, "crv", "P-384"),
            (Fixtures.ecKey, "crv", "secp256k1"),
            (Fixtures.ecKey, "crv", "p-256"), (Fixtures.okpKey, "crv", "X25519"), (Fixtures.okpKey, "crv", "Ed448"),
            (Fixtures.ecKey, "kty", "ec"), (Fixtures.ecKey, "kty", "AKP"), (Fixtures.ecKey, "key_ops", ["sign"]),
            (Fixtures.ecKey, "key_ops", .array([])), (Fixtures.ecKey, "key_ops", ["VERIFY", "encrypt"]),
        ]
        for (text, name, value) in cases {
            #expect(throws: JWKError.unsupported(name)) { try key(text, [name: value]) }
        }
    }

    @Test("an alg of another key type is refused")
    func algorithmDoesNotFit() {
        for (text, name) in [
            (Fixtures.ecKey, "RS256"), (Fixtures.ecKey, "Ed25519"), (Fixtures.rsaKey, "ES256"),
            (Fixtures.rsaKey, "EdDSA"),
            (Fixtures.okpKey, "ES256"), (Fixtures.okpKey, "PS256"),
        ] {
            #expect(throws: JWKError.algorithmDoesNotFit) { try key(text, ["alg": .string(name)]) }
        }
    }

    @Test("members of the wrong type are refused")
    func wrongTypes() {
        let values: [JSON] = [.null, 1, true, .array([]), .object([:]), 1.5]
        for name in ["kty", "crv", "x", "y", "kid", "alg", "use"] {
            for value in values { #expect(throws: JWKError.self) { try key(Fixtures.ecKey, [name: value]) } }
        }
        for value in [.null, 1, "verify", ["verify", 1], .object([:])] as [JSON] {
            #expect(throws: JWKError.self) { try key(Fixtures.ecKey, ["key_ops": value]) }
        }
        for json in [.null, 1, "x", .array([]), .object([:]), true] as [JSON] {
            #expect(throws: JWKError.self) { try JWK(json: json) }
        }
        let long = String(repeating: "k", count: 513)
        #expect(throws: JWKError.self) { try key(Fixtures.ecKey, ["kid": .string(long)]) }
        #expect(throws: Never.self) { try key(Fixtures.ecKey, ["kid": .string(String(long.dropLast()))]) }
    }

    @Test("a key that declares an algorithm verifies no other")
    func declaredAlgorithm() throws {
        let signing = try Fixtures.key(.ps256)
        let message = Array("message".utf8)
        let signature = try signing.signature(over: message)
        var object = signing.publicKey.json
        #expect(signing.publicKey.isValidSignature(signature, over: message, algorithm: .ps256))
        object["alg"] = "RS256"
        let declared = try JWK(json: .object(object))
        #expect(declared.supported == [.rs256, .ps256])
        #expect(declared.algorithm == .rs256)
        #expect(!declared.isValidSignature(signature, over: message, algorithm: .ps256))
        object["alg"] = nil
        #expect(try JWK(json: .object(object)).isValidSignature(signature, over: message, algorithm: .ps256))
    }

    @Test("what is published is the key, without anything that was not understood")
    func published() throws {
        let changes: [String: JSON?] = [
            "kid": "a", "alg": "ES256", "x5c": ["AA"], "key_ops": ["verify"], "use": "sig", "ext": true,
        ]
        let json = try key(Fixtures.ecKey, changes).json
        #expect(
            json == [
                "crv": "P-256", "kty": "EC", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "kid": "a", "alg": "ES256", "use": "sig",
            ])
        #expect(try JWK(json: .object(json)) == key(Fixtures.ecKey, changes))
        #expect(try key(Fixtures.okpKey, ["alg": "EdDSA"]).json["alg"] == "Ed25519")
        #expect(try key(Fixtures.ecKey, ["kid": "a"]) != key(Fixtures.ecKey, ["kid": "b"]))
        #expect(try key(Fixtures.ecKey) != key(Fixtures.ecKey, ["alg": "ES256"]))
        #expect(try key(Fixtures.ecKey) != key(Fixtures.okpKey))
    }

    @Test("errors repeat nothing of the key")
    func errors() {
        let error = #expect(throws: JWKError.self) { try key(Fixtures.ecKey, ["crv": "hunter2"]) }
        #expect(error?.description == "The value of crv in the key is not supported.")
    }

    private func bytes(hex: String) throws -> [UInt8] {
        let digits = Array(hex.utf8)
        return try stride(from: 0, to: digits.count, by: 2).map { index in
            try #require(UInt8(String(decoding: digits[index..<(index + 2)], as: UTF8.self), radix: 16))
        }
    }
}
