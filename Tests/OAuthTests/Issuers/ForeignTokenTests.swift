import JOSE
import OAuth
import Support
import Testing

@Suite("Tokens of trusted issuers")
struct ForeignTokenTests {
    private func started() async throws -> LegateKit {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.planner)
        return kit
    }

    private func exchange(_ kit: LegateKit, _ token: String) async throws -> TokenResponse {
        try await kit.exchange(token, by: kit.planner, type: .jwt)
    }

    @Test("every algorithm that identity providers use is verified", arguments: SignatureAlgorithm.allCases)
    func algorithms(algorithm: SignatureAlgorithm) async throws {
        let kit = try await started()
        let key = try TestKeys.key(algorithm)
        try await kit.update(.issuer, "corp", ["jwks": .object(TestKeys.jwks(key))])
        let token = try kit.corp.token(audience: kit.issuer, key: key)
        #expect(try await exchange(kit, token).token.identity.subject == "corp|alice")
        let forged = String(token.dropLast(8)) + "AAAAAAAA"
        await expectRefusal(.invalidRequest) { try await exchange(kit, forged) }
    }

    @Test("typ may be JWT, at+jwt or absent, but not that of a token for another purpose")
    func types() async throws {
        let kit = try await started()
        for type in ["JWT", "at+jwt", nil, "application/at+JWT"] {
            _ = try await exchange(kit, try kit.corp.token(audience: kit.issuer, type: type))
        }
        for type in ["logout+jwt", "secevent+jwt", "dpop+jwt", "client-authentication+jwt"] {
            await expectRefusal(.invalidRequest) {
                try await exchange(kit, try kit.corp.token(audience: kit.issuer, type: type))
            }
        }
    }

    @Test("without an agreed audience only our issuer URL is one")
    func defaultAudience() async throws {
        let kit = try await started()
        for audience in [.array([.string(kit.issuer.text), "https://other.example.com"]), .string(kit.issuer.text)]
            as [JSON]
        {
            _ = try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["aud": audience]))
        }
        let wrong: [JSON] = [
            .null, "https://other.example.com", "https://auth.example.com/", .array([]), .array(["x", .integer(1)]),
            .integer(1),
            .object(["a": .string(kit.issuer.text)]),
        ]
        for audience in wrong {
            await expectRefusal(.invalidRequest) {
                try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["aud": audience]))
            }
        }
    }

    @Test("agreed audiences take the place of our issuer URL")
    func agreedAudience() async throws {
        let kit = try await started()
        try await kit.update(.issuer, "corp", ["audiences": ["chat-app", "portal"]])
        for audience in ["chat-app", "portal"] {
            _ = try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["aud": .string(audience)]))
        }
        await expectRefusal(.invalidRequest) { try await exchange(kit, try kit.corp.token(audience: kit.issuer)) }
        await expectRefusal(.invalidRequest) {
            try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["aud": "Portal"]))
        }
    }

    @Test("exp is required and has no leeway")
    func expiry() async throws {
        let kit = try await started()
        _ = try await exchange(kit, try kit.corp.token(audience: kit.issuer, lifetime: 1))
        let now = kit.clock.time.seconds
        for value in [.null, .integer(now), .integer(now - 1), .integer(-1), "tomorrow", .number(1e300), .bool(true)]
            as [JSON]
        {
            await expectRefusal(.invalidRequest) {
                try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["exp": value]))
            }
        }
    }

    @Test("nbf and iat have a minute's leeway, for clocks that run ahead")
    func leeway() async throws {
        let kit = try await started()
        let now = kit.clock.time.seconds
        for claim in ["nbf", "iat"] {
            _ = try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: [claim: .integer(now + 60)]))
            for value in [.integer(now + 61), "now", .integer(now + 301)] as [JSON] {
                await expectRefusal(.invalidRequest) {
                    try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: [claim: value]))
                }
            }
        }
        _ = try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["iat": .integer(now - 86_400)]))
        await expectRefusal(.invalidRequest) {
            try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["iat": .integer(now - 86_401)]))
        }
        _ = try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["iat": .null]))
    }

    @Test("an issuer that is not trusted, or not any more, is refused")
    func untrusted() async throws {
        let kit = try await started()
        for issuer in ["https://evil.example.com", "https://idp.example.com/", "HTTPS://idp.example.com", ""] as [JSON]
        {
            await expectRefusal(.invalidRequest) {
                try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["iss": issuer]))
            }
        }
        await expectRefusal(.invalidRequest) {
            try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["iss": .null]))
        }
        try await kit.update(.issuer, "corp", ["enabled": false])
        kit.clock.nextSecond()
        await expectRefusal(.invalidRequest) { try await exchange(kit, try kit.corp.token(audience: kit.issuer)) }
    }

    @Test("a stranger's key, a key without its kid and an unknown kid prove nothing")
    func keys() async throws {
        let kit = try await started()
        await expectRefusal(.invalidRequest) {
            try await exchange(kit, try kit.corp.token(audience: kit.issuer, key: TestKeys.stranger()))
        }
        let claims = try UnverifiedJWT(try kit.corp.token(audience: kit.issuer)).claims
        let wrongName: JSONObject = ["alg": "ES256", "typ": "JWT", "kid": .string(try TestKeys.key(.ed25519).keyID)]
        await expectRefusal(.invalidRequest) {
            try await exchange(kit, try TestKeys.key(.es256).sign(header: wrongName, claims: claims))
        }
        _ = try await exchange(kit, try TestKeys.key(.es256).sign(claims, isNamed: false))
    }

    @Test("the subject is a printable text of bounded length")
    func subject() async throws {
        let kit = try await started()
        let values: [JSON] = [
            .null, "", .integer(7), .string(String(repeating: "a", count: 256)), "a\nb", "a\u{0}", .array(["alice"]),
        ]
        for value in values {
            await expectRefusal(.invalidRequest) {
                try await exchange(kit, try kit.corp.token(audience: kit.issuer, claims: ["sub": value]))
            }
        }
    }

    @Test("another claim can be the subject")
    func subjectClaim() async throws {
        let kit = try await started()
        try await kit.update(.issuer, "corp", ["subject_claim": "email"])
        try await kit.delegate(from: "alice@example.com", to: kit.planner)
        let token = try kit.corp.token("a-7", audience: kit.issuer, claims: ["email": "alice@example.com"])
        #expect(try await exchange(kit, token).token.identity.subject == "corp|alice@example.com")
        await expectRefusal(.invalidRequest) {
            try await exchange(kit, try kit.corp.token("alice", audience: kit.issuer))
        }
    }

    @Test("two users whose names look alike but differ in bytes are two users")
    func lookAlikes() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(from: "zo\u{EB}", to: kit.planner)
        _ = try await exchange(kit, try kit.corp.token("zo\u{EB}", audience: kit.issuer))
        await expectRefusal(.invalidRequest) {
            try await exchange(kit, try kit.corp.token("zoe\u{308}", audience: kit.issuer))
        }
    }

    @Test("a token that is delegated already is not accepted")
    func delegated() async throws {
        let kit = try await started()
        let token = try kit.corp.token(audience: kit.issuer, claims: ["act": .object(["sub": "someone"])])
        await expectRefusal(.invalidRequest) { try await exchange(kit, token) }
    }

    @Test("a refusal is one sentence that says what was expected")
    func sentences() async throws {
        let kit = try await started()
        try await kit.update(.issuer, "corp", ["audiences": ["legate", "vault"]])
        func words(_ claims: JSONObject, lifetime: Int64 = 60) async throws -> String? {
            let usual: JSONObject = ["aud": "legate"]
            let token = try kit.corp.token(
                audience: kit.issuer, claims: usual.merging(patch: claims), lifetime: lifetime)
            return await expectRefusal(.invalidRequest) { try await exchange(kit, token) }?.description
        }
        let start = "the subject token is not accepted: "
        #expect(try await words(["aud": "other"]) == start + "aud must name legate or vault")
        #expect(try await words([:], lifetime: 0) == start + "exp has passed")
        #expect(try await words(["iat": "now"]) == start + "its claim iat is missing or not as it must be")
        #expect(try await words(["act": .object(["sub": "x"])]) == start + "it has act, so it is delegated already")
    }

    @Test("keys at a URL are fetched once, and a token of an unknown issuer fetches nothing")
    func fetched() async throws {
        let kit = try await started()
        kit.fetcher.put(try kit.corp.jwks(), at: kit.corp.jwksURI)
        try await kit.update(.issuer, "corp", ["jwks": .null, "jwks_uri": .string(kit.corp.jwksURI)])
        for _ in 0..<3 { _ = try await exchange(kit, try kit.corp.token(audience: kit.issuer)) }
        #expect(kit.fetcher.requests(for: kit.corp.jwksURI) == 1)
        kit.fetcher.put(nil, at: kit.corp.jwksURI)
        kit.clock.advance(seconds: 600)
        let error = await expectRefusal(.invalidRequest) {
            try await exchange(kit, try kit.corp.token(audience: kit.issuer))
        }
        #expect(error?.description == "the subject token cannot be verified: the issuer's keys are not available")
    }
}
