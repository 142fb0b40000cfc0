import HTTPTypes
import JOSE
import OAuth
import Support
import Synchronization
import Testing

/// The hope: something that the server signed for one purpose passes for an access token (RFC 8725 section 3.11).
@Suite("Attack: token substitution")
struct TokenSubstitutionTests {
    /// Everything that the server signs and that is no access token.
    private func lookAlikes(_ kit: LegateKit, _ http: HTTPTester) async throws -> [String: String] {
        let token = try await kit.token(kit.planner).accessToken
        let introspection = try await http.post(
            "/introspect", Form([("token", token)]), as: kit.gateway,
            headers: [("Accept", "application/token-introspection+jwt")]
        )
        let metadata = try await http.get("/resources/calendar/oauth-protected-resource")
        let lines = Mutex<[[UInt8]]>([])
        try await kit.server.auditTrail.export(since: nil, for: kit.admin()) { line in
            lines.withLock { $0.append(line) }
        }
        let last = try #require(lines.withLock { $0 }.last)
        return [
            "a signed introspection": introspection.answer.text,
            "signed metadata": try #require(metadata.json["signed_metadata"]?.string),
            "an audit checkpoint": try #require(
                try JSON(parsing: Array(last.dropLast())).object?["checkpoint"]?.string),
            "an ID token": try kit.corp.token(audience: kit.issuer),
            "a client assertion": try ClientAssertion(
                of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time
            ).compact(),
        ]
    }

    @Test("nothing but an access token is one")
    func lookAlikes() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        for (what, text) in try await lookAlikes(kit, http) {
            #expect(
                try await http.post("/introspect", Form([("token", text)]), as: kit.auditor).answer.text
                    == #"{"active":false}"#, "\(what)")
            #expect(try await http.admin(.get, "/admin/clients", token: text).status == 401, "\(what)")
            let form = Form([
                ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", text),
                ("subject_token_type", TokenType.accessToken.rawValue), ("resource", World.calendar.text),
            ])
            #expect(try await http.post("/token", form, as: kit.planner).json["error"] == "invalid_request", "\(what)")
        }
    }

    @Test("an access token is no client assertion and no ID token")
    func accessToken() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.token(kit.signer).accessToken
        var form = Form([("grant_type", "client_credentials")])
        form.add([
            "client_assertion": token,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ])
        #expect(try await http.post("/token", form).status == 401)
        let exchange = Form([
            ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", token),
            ("subject_token_type", TokenType.idToken.rawValue),
            ("resource", World.calendar.text),
        ])
        #expect(try await http.post("/token", exchange, as: kit.planner).json["error"] == "invalid_request")
    }

    @Test(
        "an algorithm that the header chooses is not believed",
        arguments: ["none", "None", "HS256", "RS256", "ES384", "EdDSA"])
    func algorithms(name: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        let parts = token.split(separator: ".").map(String.init)
        let keyID = try #require(try UnverifiedJWT(token).header.keyID)
        let header: JSONObject = ["typ": "at+jwt", "alg": .string(name), "kid": .string(keyID)]
        for signature in ["", parts[2]] {
            let forged = Base64URL.encode(header.serialized) + "." + parts[1] + "." + signature
            #expect(try await http.admin(.get, "/admin/clients", token: forged).status == 401)
        }
    }

    @Test("a trusted issuer cannot speak for another one, nor for us")
    func issuerMixUp() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let url = try #require(IssuerURL("https://partner.example.com"))
        let partner = IdentityProvider(name: try #require(IssuerName("partner")), url: url, clock: kit.clock)
        let key = try TestKeys.stranger()
        try await kit.create(
            .issuer, ["name": "partner", "issuer": .string(url.text), "jwks": .object(TestKeys.jwks(key))])
        try await kit.delegate(to: kit.planner)
        for issuer in [kit.corp.url.text, kit.issuer.text] {
            let forged = try partner.token(audience: kit.issuer, claims: ["iss": .string(issuer)], key: key)
            for type in [TokenType.idToken, .accessToken, .jwt] {
                let form = Form([
                    ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", forged),
                    ("subject_token_type", type.rawValue),
                    ("resource", World.calendar.text),
                ])
                #expect(try await http.post("/token", form, as: kit.planner).json["error"] == "invalid_request")
            }
        }
    }
}
