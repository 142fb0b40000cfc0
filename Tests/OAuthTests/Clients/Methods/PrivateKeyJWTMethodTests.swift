import JOSE
import Support
import Testing

@testable import OAuth

@Suite("private_key_jwt")
struct PrivateKeyJWTMethodTests {
    private func assertion(
        _ kit: LegateKit, key: SigningKey? = nil, _ adjust: (inout ClientAssertion) throws -> Void = { _ in }
    ) throws -> [String: String] {
        var assertion = ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: try key ?? TestKeys.key(.es256), at: kit.clock.time
        )
        try adjust(&assertion)
        return try assertion.parameters()
    }

    @discardableResult
    private func token(_ kit: LegateKit, _ parameters: [String: String]) async throws -> TokenResponse {
        try await kit.token(kit.signer.with(.none), with: parameters)
    }

    /// Expects `invalid_client`, and lets a minute pass so that the throttle has nothing to say.
    @discardableResult
    private func refused(
        _ kit: LegateKit, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> TokenResponse
    ) async -> OAuthError? {
        defer { kit.clock.advance(seconds: 60) }
        return await expectRefusal(.invalidClient, sourceLocation: sourceLocation, body)
    }

    @Test("ES256 and Ed25519 assertions prove the client")
    func algorithms() async throws {
        let kit = try await LegateKit.start()
        try await token(kit, try assertion(kit))
        try await token(kit, try assertion(kit, key: TestKeys.key(.ed25519)))
        try await token(kit, try assertion(kit).merging(["client_id": "signer"]) { $1 })
    }

    @Test("PS256 proves the client, RS256 with the same key does not")
    func rsa() async throws {
        let kit = try await LegateKit.start()
        let ps256 = try TestKeys.key(.ps256)
        var key = ps256.publicKey.json
        key["alg"] = nil
        try await kit.update(.client, "signer", ["jwks": .object(["keys": [.object(key)]])])
        try await token(kit, try assertion(kit, key: ps256))
        await refused(kit) { try await token(kit, try assertion(kit, key: TestKeys.key(.rs256))) }
    }

    @Test("typ may be JWT or absent, but not that of another kind of token")
    func types() async throws {
        let kit = try await LegateKit.start()
        for type in [nil, "JWT", "jwt", "application/client-authentication+jwt"] {
            try await token(kit, try assertion(kit) { $0.type = type })
        }
        for type in ["at+jwt", "dpop+jwt", "logout+jwt", ""] {
            await refused(kit) { try await token(kit, try assertion(kit) { $0.type = type }) }
        }
    }

    @Test("the audience is our issuer and nothing else, as a text or a list of one")
    func audience() async throws {
        let kit = try await LegateKit.start()
        let issuer = JSON.string(kit.issuer.text)
        try await token(kit, try assertion(kit) { $0.claims["aud"] = .array([issuer]) })
        let wrong: [JSON?] = [
            nil, .null, .string(kit.issuer.text + "/"), .string(kit.issuer.text + "/token"), .array([]),
            .array([issuer, "https://other.example.com"]), .array([issuer, issuer]), .array([.integer(1)]),
            .object([:]), "",
            .string("HTTPS://auth.example.com"),
        ]
        for audience in wrong {
            await refused(kit) { try await token(kit, try assertion(kit) { $0.claims["aud"] = audience }) }
        }
    }

    @Test("iss and sub are the client, and client_id does not contradict them")
    func subject() async throws {
        let kit = try await LegateKit.start()
        for (claim, value) in [("iss", "planner"), ("sub", "planner"), ("iss", ""), ("sub", "")] as [(String, JSON)] {
            await refused(kit) { try await token(kit, try assertion(kit) { $0.claims[claim] = value }) }
        }
        for claim in ["iss", "sub"] {
            await refused(kit) { try await token(kit, try assertion(kit) { $0.claims[claim] = nil }) }
        }
        await refused(kit) { try await token(kit, try assertion(kit).merging(["client_id": "planner"]) { $1 }) }
    }

    @Test("exp is required, not past, and at most an hour ahead")
    func expiry() async throws {
        let kit = try await LegateKit.start()
        for seconds in [3600, 3660, 1, -59] as [Int64] {
            try await token(
                kit,
                try assertion(kit) {
                    $0.claims["iat"] = nil
                    $0.claims["exp"] = .integer(kit.clock.time.seconds + seconds)
                })
        }
        for seconds in [-60, 3661] as [Int64] {
            await refused(kit) {
                try await token(
                    kit, try assertion(kit) { $0.claims["exp"] = .integer(kit.clock.time.seconds + seconds) })
            }
        }
        let wrong: [JSON?] = [
            nil, .null, .integer(0), .integer(-1), .integer(.max), .number(1e300), .number(.infinity), .bool(true),
            .string("\(kit.clock.time.seconds + 60)"),
        ]
        for value in wrong {
            await refused(kit) { try await token(kit, try assertion(kit) { $0.claims["exp"] = value }) }
        }
    }

    @Test("nbf and iat may run a minute ahead, no more")
    func future() async throws {
        let kit = try await LegateKit.start()
        func ahead(_ claim: String, _ seconds: Int64) throws -> [String: String] {
            try assertion(kit) {
                $0.claims["exp"] = .integer(kit.clock.time.seconds + 120)
                $0.claims[claim] = .integer(kit.clock.time.seconds + seconds)
            }
        }
        for claim in ["nbf", "iat"] {
            try await token(kit, try ahead(claim, 60))
            await refused(kit) { try await token(kit, try ahead(claim, 61)) }
        }
        await refused(kit) { try await token(kit, try ahead("iat", -86_401)) }
    }

    @Test("jti is required and bounded")
    func jti() async throws {
        let kit = try await LegateKit.start()
        for value in [nil, .null, "", .integer(7), .string(String(repeating: "a", count: 257))] as [JSON?] {
            await refused(kit) { try await token(kit, try assertion(kit) { $0.claims["jti"] = value }) }
        }
    }

    @Test("a jti is remembered as long as its assertion could be accepted")
    func remembered() async throws {
        let kit = try await LegateKit.start()
        let parameters = try assertion(kit) { $0.claims["exp"] = .integer(kit.clock.time.seconds + 60) }
        try await token(kit, parameters)
        kit.clock.advance(seconds: 119)
        try await kit.server.prune()
        let error = await expectRefusal(.invalidClient) { try await token(kit, parameters) }
        #expect(error?.description.hasPrefix("the client assertion was used before") == true)
        kit.clock.advance(seconds: 1)
        try await kit.server.prune()
        #expect(
            await refused(kit) { try await token(kit, parameters) }?.description == "the client assertion has expired")
    }

    @Test("two clients may use the same jti")
    func jtiPerClient() async throws {
        let kit = try await LegateKit.start()
        let document = TestKeys.jwks(try TestKeys.key(.es256))
        _ = try await kit.createAgent(
            "second", scopes: ["calendar.read"], resources: [World.calendar],
            with: ["auth": "private_key_jwt", "jwks": .object(document)]
        )
        try await token(kit, try assertion(kit) { $0.claims["jti"] = "same" })
        var other = ClientAssertion(
            of: World.id("second"), for: kit.issuer, key: try TestKeys.key(.es256), at: kit.clock.time)
        other.claims["jti"] = "same"
        try await kit.token(Party(World.id("second"), .none), with: other.parameters())
        await refused(kit) { try await token(kit, try assertion(kit) { $0.claims["jti"] = "same" }) }
    }

    @Test("another key, another client's key and no signature prove nothing")
    func wrongKeys() async throws {
        let kit = try await LegateKit.start()
        await refused(kit) { try await token(kit, try assertion(kit, key: TestKeys.stranger())) }
        let right = try assertion(kit) { $0.claims["exp"] = .integer(kit.clock.time.seconds + 3600) }
        let compact = try #require(right["client_assertion"])
        let type = try #require(right["client_assertion_type"])
        let parts = compact.split(separator: ".").map(String.init)
        let none = Base64URL.encode(Array(#"{"alg":"none"}"#.utf8)) + "." + parts[1] + "."
        let hostile = [
            none, parts[0] + "." + parts[1] + ".", parts[0] + "." + parts[1] + "." + parts[2] + "A", compact + "=",
            compact + ".x",
            parts[1], "...", "not a token", String(repeating: "a", count: 20_000),
        ]
        for text in hostile {
            await refused(kit) {
                try await token(kit, ["client_assertion": text, "client_assertion_type": type])
            }
        }
    }

    @Test("a key that the header brings along is never looked at")
    func headerKeys() async throws {
        let kit = try await LegateKit.start()
        let stranger = try TestKeys.stranger()
        var claims = ClientAssertion(of: kit.signer.id, for: kit.issuer, key: stranger, at: kit.clock.time).claims
        claims["exp"] = .integer(kit.clock.time.seconds + 3600)
        for member in ["jwk", "jku", "x5u"] {
            let header: JSONObject = [
                "alg": "ES256", "typ": "JWT",
                member: member == "jwk" ? .object(stranger.publicKey.json) : "https://evil.example.com/jwks",
            ]
            await refused(kit) {
                try await token(
                    kit,
                    [
                        "client_assertion": try stranger.sign(header: header, claims: claims),
                        "client_assertion_type": PrivateKeyJWTMethod.assertionType,
                    ])
            }
        }
        #expect(kit.fetcher.requests(for: "https://evil.example.com/jwks") == 0)
    }

    @Test("the type of the assertion must be named, and be the one")
    func assertionType() async throws {
        let kit = try await LegateKit.start()
        var parameters = try assertion(kit)
        parameters["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
        await refused(kit) { try await token(kit, parameters) }
        parameters["client_assertion_type"] = nil
        await expectRefusal(.invalidRequest) { try await token(kit, parameters) }
        await expectRefusal(.invalidRequest) {
            try await token(kit, ["client_assertion_type": PrivateKeyJWTMethod.assertionType])
        }
    }

    @Test("keys at a URL are fetched when they are needed")
    func keysByURL() async throws {
        let kit = try await LegateKit.start()
        let url = "https://agent.example.com/jwks"
        kit.fetcher.put(TestKeys.jwks(try TestKeys.key(.es256)), at: url)
        try await kit.update(.client, "signer", ["jwks": .null, "jwks_uri": .string(url)])
        #expect(kit.fetcher.requests(for: url) == 0)
        try await token(kit, try assertion(kit))
        try await token(kit, try assertion(kit))
        #expect(kit.fetcher.requests(for: url) == 1)
    }
}
