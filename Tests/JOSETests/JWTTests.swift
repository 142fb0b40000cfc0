import Crypto
import JOSE
import Testing

@Suite("JSON Web Tokens")
struct JWTTests {
    private let anyType = JWTTypes.anyOf(["jwt", "at+jwt"], orAbsent: true)

    private func verify(
        _ token: String, _ key: SigningKey, algorithms: Set<SignatureAlgorithm> = Set(SignatureAlgorithm.allCases)
    ) throws -> VerifiedJWT {
        let unverified = try UnverifiedJWT(token)
        let bySet = Result {
            try unverified.verified(with: JWKSet(keys: [key.publicKey]), algorithms: algorithms, types: anyType)
        }
        let byKey = Result { try unverified.verified(with: key.publicKey, algorithms: algorithms, types: anyType) }
        switch (bySet, byKey) {
        case (.success, .success), (.failure, .failure): break
        default: Issue.record("the key set and the single key do not agree")
        }
        return try byKey.get()
    }

    private let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

    @Test("the token of RFC 7515 A.3 verifies")
    func rfc7515() throws {
        let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        let keys = try JWKSet(json: try JSON(parsing: Fixtures.ecKey))
        let token = try UnverifiedJWT("eyJhbGciOiJFUzI1NiJ9.\(payload).\(signature)")
        let verified = try token.verified(with: keys, types: .anyOf([], orAbsent: true))
        #expect(try verified.string("iss") == "joe")
        #expect(try verified.time("exp") == 1_300_819_380)
        #expect(throws: JWTError.wrongType) { try token.verified(with: keys, types: .exactly("JWT")) }
        #expect(throws: JWTError.algorithmNotAllowed) {
            try token.verified(with: keys, algorithms: [.rs256], types: anyType)
        }
    }

    @Test(
        "an algorithm that is not a signature with a public key is refused",
        arguments: [
            "none", "None", "NONE", "nOnE", "HS256", "hs256", "es256", "ES256 ", "", "ES384", "RS512", "A128KW",
        ])
    func unknownAlgorithms(name: String) throws {
        let key = try Fixtures.key(.es256)
        let token = try Fixtures.token(header: #"{"alg":"\#(name)"}"#, key: key)
        #expect(throws: JWTError.algorithmNotAllowed) { try verify(token, key) }
        let unsigned = Base64URL.encode(#"{"alg":"\#(name)"}"#.utf8) + ".e30."
        #expect(throws: JWTError.algorithmNotAllowed) { try verify(unsigned, key) }
    }

    @Test("a MAC made with the public key as the secret is refused")
    func publicKeyAsSecret() throws {
        for algorithm in SignatureAlgorithm.allCases {
            let key = try Fixtures.key(algorithm)
            let secrets = [
                key.publicKey.json.serialized, Array(key.keyID.utf8), Base64URL.decode(key.keyID) ?? [],
                Array((key.publicKey.json["n"] ?? key.publicKey.json["x"])?.string?.utf8 ?? "".utf8),
            ]
            for secret in secrets {
                for name in ["HS256", algorithm.rawValue] {
                    let input = Base64URL.encode(#"{"alg":"\#(name)","kid":"\#(key.keyID)"}"#.utf8) + ".e30"
                    let code = HMAC<SHA256>.authenticationCode(
                        for: Array(input.utf8), using: SymmetricKey(data: secret))
                    #expect(throws: JWTError.self) {
                        try verify(input + "." + Base64URL.encode(Array(code)), key)
                    }
                }
            }
        }
    }

    @Test("a token whose header names another algorithm than its key's is refused")
    func algorithmOfAnotherKey() throws {
        for algorithm in SignatureAlgorithm.allCases {
            let key = try Fixtures.key(algorithm)
            for other in SignatureAlgorithm.allCases where other != algorithm {
                let token = try Fixtures.token(header: #"{"alg":"\#(other.rawValue)","kid":"\#(key.keyID)"}"#, key: key)
                #expect(throws: JWTError.algorithmNotAllowed) {
                    try UnverifiedJWT(token).verified(with: key.publicKey, types: anyType)
                }
                #expect(throws: JWTError.unknownKey) {
                    try UnverifiedJWT(token).verified(with: JWKSet(keys: [key.publicKey]), types: anyType)
                }
                #expect(throws: JWTError.algorithmNotAllowed) { try verify(token, key, algorithms: [algorithm]) }
            }
            let token = try Fixtures.token(header: #"{"alg":"\#(algorithm.rawValue)"}"#, key: key)
            _ = try verify(token, key)
            #expect(throws: JWTError.algorithmNotAllowed) { try verify(token, key, algorithms: []) }
        }
    }

    @Test("EdDSA is taken as the name of Ed25519")
    func deprecatedName() throws {
        let key = try Fixtures.key(.ed25519)
        _ = try verify(try Fixtures.token(header: #"{"alg":"EdDSA"}"#, key: key), key)
    }

    @Test("a key in the header is never used")
    func embeddedKeys() throws {
        let attacker = try SigningKey.generate(.es256)
        let key = try Fixtures.key(.es256)
        for kid in [attacker.keyID, key.keyID] {
            let header: JSONObject = [
                "alg": "ES256", "kid": .string(kid), "jwk": .object(attacker.publicKey.json),
                "jku": "https://attacker.example/keys", "x5u": "https://attacker.example/cert",
            ]
            let token = try Fixtures.token(header: header.text, key: attacker)
            #expect(throws: JWTError.self) { try verify(token, key) }
        }
    }

    @Test("a kid must be the key's own, and no other key is tried")
    func keyID() throws {
        let key = try Fixtures.key(.es256)
        for kid in ["other", "", "\(key.keyID) ", "../../dev/null", "' OR 1=1 --"] {
            let token = try Fixtures.token(header: #"{"alg":"ES256","kid":"\#(kid)"}"#, key: key)
            #expect(throws: JWTError.unknownKey) { try verify(token, key) }
        }
        let other = try SigningKey.generate(.es256)
        let stolen = try Fixtures.token(header: #"{"alg":"ES256","kid":"\#(key.keyID)"}"#, key: other)
        #expect(throws: JWTError.badSignature) { try verify(stolen, key) }
        let two = JWKSet(keys: [key.publicKey, other.publicKey])
        let unnamed = try Fixtures.token(header: #"{"alg":"ES256"}"#, key: key)
        #expect(throws: JWTError.unknownKey) { try UnverifiedJWT(unnamed).verified(with: two, types: anyType) }
    }

    @Test(
        "a header that is not as it must be is refused",
        arguments: [
            #"{}"#, #"{"typ":"JWT"}"#, #"{"alg":null}"#, #"{"alg":1}"#, #"{"alg":["ES256"]}"#,
            #"{"alg":"ES256","kid":1}"#,
            #"{"alg":"ES256","kid":null}"#, #"{"alg":"ES256","typ":null}"#, #"{"alg":"ES256","typ":["JWT"]}"#,
            #"{"alg":"ES256","crit":["exp"],"exp":1}"#, #"{"alg":"ES256","crit":[]}"#, #"{"alg":"ES256","crit":null}"#,
            #"{"alg":"ES256","b64":false}"#, #"{"alg":"ES256","b64":true}"#,
            #"{"alg":"ES256","b64":false,"crit":["b64"]}"#,
            #"{"alg":"ES256","alg":"none"}"#, #"{"alg":"ES256","alg":"ES256"}"#, #"{"alg":"none","\u0061lg":"ES256"}"#,
            #"["ES256"]"#, #""ES256""#, #"null"#, "", "{", #"{"alg":"ES256"}x"#, "\u{FEFF}{\"alg\":\"ES256\"}",
            #"{"alg":"ES256","typ":"j wt"}"#, #"{"alg":"ES256","typ":"jwt\u0000"}"#,
            #"{"alg":"ES256","typ":"\u212Awt"}"#,
            #"{"alg":"ES256",}"#,
        ])
    func badHeaders(header: String) throws {
        let key = try Fixtures.key(.es256)
        let token = try Fixtures.token(header: header, key: key)
        let error = #expect(throws: JWTError.self) { try UnverifiedJWT(token) }
        guard case .malformed? = error else {
            Issue.record("not malformed: \(String(describing: error))")
            return
        }
    }

    @Test("a kid has at most 512 bytes")
    func keyIDLength() throws {
        func header(_ length: Int) -> String { #"{"alg":"ES256","kid":"\#(String(repeating: "k", count: length))"}"# }
        #expect(try Fixtures.header(header(512)).keyID?.utf8.count == 512)
        #expect(throws: JWTError.self) { try Fixtures.header(header(513)) }
    }

    @Test(
        "a payload that is not a strict JSON object is refused",
        arguments: [
            "", "null", "[]", "\"x\"", "1", "{", "{}{}", #"{"a":1,"a":2}"#, #"{"a":1e999}"#, #"{"a":NaN}"#,
            #"{"a":"\ud800"}"#, "{\"a\":\u{0}}", "\u{FEFF}{}", #"{"exp":01}"#, #"{"a":1,}"#,
        ])
    func badPayloads(payload: String) throws {
        let key = try Fixtures.key(.es256)
        let token = try Fixtures.token(header: #"{"alg":"ES256"}"#, payload: payload, key: key)
        #expect(throws: JWTError.malformed("its payload is not a JSON object")) { try UnverifiedJWT(token) }
    }

    @Test("a token has exactly three parts in canonical base64url")
    func parts() throws {
        let key = try Fixtures.key(.es256)
        let token = try Fixtures.token(header: #"{"alg":"ES256"}"#, key: key)
        _ = try verify(token, key)
        let parts = token.split(separator: ".").map(String.init)
        let (header, payload, signature) = (parts[0], parts[1], parts[2])
        let refused = [
            "", ".", "..", "...", header, "\(header).\(payload)", "\(header).\(payload).\(signature).",
            "\(header).\(payload).\(signature).AA", "\(header).\(payload).\(signature).AA.AA", ".\(token)", "\(token).",
            "..\(signature)", "\(header)..\(signature)", ".\(payload).\(signature)", "\(token)\n", " \(token)",
            "\(token) ",
            "\(token)=", "\(token)==", "\(header)=.\(payload).\(signature)", "\(header).\(payload)=.\(signature)",
            "\(header).\(payload)\n.\(signature)", "\(header).\n\(payload).\(signature)", "\(token)A", "\(token)AA",
            "\(header)A.\(payload).\(signature)", "Bearer \(token)", token.replacing(".", with: "\u{FF0E}"),
            "\(header).e31.\(signature)", "\(token)\0",
        ]
        for text in refused {
            #expect(throws: JWTError.self) { try verify(text, key) }
        }
        for text in ["", "\(header).\(payload)", "\(token).", "\(token).AA", "\(token).AA.AA"] {
            #expect(throws: JWTError.malformed("it does not have three parts")) { try UnverifiedJWT(text) }
        }
        // The last character of 64 bytes carries four bits that must be zero.
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var accepted = 0
        for character in alphabet where (try? verify(token.dropLast() + String(character), key)) != nil {
            accepted += 1
        }
        #expect(accepted == 1)
        #expect(throws: JWTError.badSignature) { try verify("\(header).\(payload).", key) }
    }

    @Test("a token longer than the limit is refused before it is read")
    func length() throws {
        let key = try Fixtures.key(.es256)
        let token = try Fixtures.token(header: #"{"alg":"ES256"}"#, key: key)
        _ = try UnverifiedJWT(token, maximumLength: token.utf8.count)
        #expect(throws: JWTError.malformed("it is longer than \(token.utf8.count - 1) bytes")) {
            try UnverifiedJWT(token, maximumLength: token.utf8.count - 1)
        }
        #expect(throws: JWTError.malformed("it is longer than 16384 bytes")) {
            try UnverifiedJWT(String(repeating: "a", count: 1_000_000))
        }
        let deep = String(repeating: "[", count: 8_000)
        #expect(throws: JWTError.self) { try UnverifiedJWT(Base64URL.encode(deep.utf8) + ".e30.AA") }
    }

    @Test("errors repeat nothing of the token")
    func errors() throws {
        #expect(JWTError.malformed("it is empty").description == "The token is malformed: it is empty.")
        #expect(JWTError.badClaim("exp").description == "The claim exp of the token is not accepted.")
        #expect(JWTError.refusedClaim("exp has passed").description == "The token is not accepted: exp has passed.")
        let error = #expect(throws: JWTError.self) { try Fixtures.header(#"{"alg":"ES256","kid":["hunter2"]}"#) }
        #expect(error?.description == "The token is malformed: its kid is not a string.")
    }

    @Test(
        "a reason is a clause that any sentence about the token can end with",
        arguments: [
            (.malformed("its kid is not a string"), "its kid is not a string"),
            (.algorithmNotAllowed, "its signature algorithm is not accepted"), (.unknownKey, "its key is not known"),
            (.badSignature, "its signature is not valid"), (.wrongType, "its type is not accepted"),
            (.badClaim("exp"), "its claim exp is missing or not as it must be"),
            (.refusedClaim("exp has passed"), "exp has passed"),
        ] as [(JWTError, String)])
    func reasons(error: JWTError, reason: String) { #expect(error.reason == reason) }
}
