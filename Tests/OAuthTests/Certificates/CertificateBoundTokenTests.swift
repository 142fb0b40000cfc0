import Certificates
import JOSE
import OAuth
import Support
import Testing

/// Tokens bound to a client certificate (RFC 8705 section 3).
@Suite("Tokens bound to a certificate")
struct CertificateBoundTokenTests {
    private let kit: LegateKit
    private let own: TestCertificate
    private let certificate: ClientCertificate
    private let party: Party

    init() async throws {
        kit = try await LegateKit.start()
        own = try TestCertificate.selfSigned(.init("bound"))
        certificate = try await kit.judged(own)
        party = try await kit.createAgent(
            "bound", auth: "self_signed_tls_client_auth", with: ["jwks": try own.jwks, "certificate_bound": true])
    }

    private func check(
        _ token: String, _ presented: Presented, gateway: Party? = nil, header: String = "Bearer"
    ) async throws -> CheckPass {
        try await kit.server.checkEndpoint.answer(
            CheckRequest(
                credentials: BearerCredentials("\(header) \(token)"),
                gatewayAuthorization: gateway.map { Form.basic($0.id.text, $0.secret ?? "") },
                parameters: try Form([("resource", "calendar")]).parameters(),
                context: RequestContext(requestID: "r", traceID: nil, endpoint: "GET /", peer: "192.0.2.7"),
                presented: presented
            )
        )
    }

    @Test("the token names the certificate, and is still a Bearer token (MTLS-02)")
    func token() async throws {
        let response = try await kit.token(party, showing: certificate)
        #expect(response.token.confirmation == Confirmation(certificateThumbprint: certificate.thumbprint))
        #expect(response.tokenType == "Bearer")
        let claims = try UnverifiedJWT(response.accessToken).claims
        #expect(claims["cnf"]?.object?["x5t#S256"] == .string(certificate.thumbprint))
    }

    @Test("introspection names it too (MTLS-09)")
    func introspection() async throws {
        let token = try await kit.token(party, showing: certificate).accessToken
        let answer = try await kit.introspect(token, by: kit.auditor)
        #expect(answer["cnf"]?.object?["x5t#S256"] == .string(certificate.thumbprint))
        #expect(answer["token_type"] == "Bearer")
    }

    @Test("a client that binds its tokens gets none without its certificate")
    func client() async throws {
        try await kit.update(.client, "planner", ["certificate_bound": true])
        await expectRefusal(.invalidRequest) { try await kit.token(kit.planner) }
        let response = try await kit.token(kit.planner, showing: certificate)
        #expect(response.token.confirmation?.certificateThumbprint == certificate.thumbprint)
    }

    @Test("a certificate that is not valid at this time binds nothing")
    func notItsTime() async throws {
        try await kit.update(.client, "planner", ["certificate_bound": true])
        let over = try await kit.judged(TestCertificate.selfSigned(.init("planner", validity: .over)))
        await expectRefusal(.invalidRequest) { try await kit.token(kit.planner, showing: over) }
    }

    @Test("a resource that requires it gets only bound tokens")
    func resource() async throws {
        try await kit.update(.resource, "calendar", ["require_certificate": true])
        await expectRefusal(.invalidRequest) { try await kit.token(kit.planner) }
        let response = try await kit.token(kit.planner, showing: certificate)
        #expect(response.token.confirmation?.certificateThumbprint == certificate.thumbprint)
    }

    @Test("a stolen token is refused with another certificate or none (MTLS-08)")
    func stolen() async throws {
        let token = try await kit.token(party, showing: certificate).accessToken
        let gateway = try await forwarding()
        let thief = try await kit.judged(TestCertificate.selfSigned(.init("bound")))
        _ = try await check(token, Presented(certificate: certificate), gateway: gateway)
        for presented in [Presented(certificate: thief), Presented()] {
            await expectCheckRefused("certificate_binding") { try await check(token, presented, gateway: gateway) }
        }
    }

    @Test("an agent cannot write the certificate of another one")
    func written() async throws {
        let token = try await kit.token(party, showing: certificate).accessToken
        // The certificate is no secret: whoever is called with it has it.
        let start = "the token is bound to a client certificate, and "
        let doubt = start + "that in Legate-Client-Certificate does not count: the gateway "
        await expectCheckRefused("certificate_binding", words: doubt + "sent no credentials of its own") {
            try await check(token, Presented(certificate: certificate))
        }
        await expectCheckRefused(
            "certificate_binding", words: doubt + "gateway is not registered with forwards_certificates"
        ) {
            try await check(token, Presented(certificate: certificate), gateway: kit.gateway)
        }
        await expectCheckRefused("certificate_binding", words: start + "the call came without it") {
            try await check(token, Presented(), gateway: kit.gateway)
        }
    }

    @Test("a token that was bound to nothing is refused where bound ones are required")
    func unbound() async throws {
        let token = try await kit.token(kit.planner).accessToken
        let gateway = try await forwarding()
        _ = try await check(token, Presented(certificate: certificate), gateway: gateway)
        try await kit.update(.resource, "calendar", ["require_certificate": true])
        await expectCheckRefused("certificate_binding") {
            try await check(token, Presented(certificate: certificate), gateway: gateway)
        }
    }

    @Test("a gateway proves itself by the certificate of its own connection")
    func gateway() async throws {
        let gatewayCertificate = try TestCertificate.selfSigned(.init("gate"))
        try await kit.create(
            .client,
            [
                "client_id": "gate", "name": "gate", "kind": "gateway", "auth": "self_signed_tls_client_auth",
                "jwks": try gatewayCertificate.jwks, "resources": [.string(World.calendar.text)],
                "forwards_certificates": true,
            ])
        let token = try await kit.token(party, showing: certificate).accessToken
        func ask(_ shown: ClientCertificate, as id: String) async throws -> CheckPass {
            try await kit.server.checkEndpoint.answer(
                CheckRequest(
                    credentials: .token(token), parameters: try Form([("client_id", id)]).parameters(),
                    context: RequestContext(requestID: "r", traceID: nil, endpoint: "GET /", peer: "192.0.2.7"),
                    presented: Presented(certificate: certificate), gatewayCertificate: shown
                )
            )
        }
        #expect(try await ask(kit.judged(gatewayCertificate), as: "gate").gateway == World.id("gate"))
        for (shown, id) in [(certificate, "gate"), (try await kit.judged(gatewayCertificate), "bound")] {
            await #expect(throws: CheckRefusal.self) { try await ask(shown, as: id) }
        }
    }

    @Test("only gateways hand on certificates")
    func otherKinds() async throws {
        await #expect(throws: InvalidDocument.self) {
            try await kit.update(.client, "planner", ["forwards_certificates": true])
        }
    }

    @Test("the exchange of a bound token needs its certificate, and gives a bound one")
    func exchange() async throws {
        try await kit.delegate(to: party, scopes: "calendar.read")
        let token = try await kit.token(party, showing: certificate).accessToken
        func exchange(_ shown: ClientCertificate?) async throws -> TokenResponse {
            let form = Form([
                ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", token),
                ("subject_token_type", TokenType.accessToken.rawValue), ("client_id", party.id.text),
                ("resource", World.calendar.text),
            ])
            let request = try kit.request(form, from: party).with(Presented(certificate: shown))
            return try await kit.server.tokenEndpoint.respond(to: request)
        }
        let response = try await exchange(certificate)
        #expect(response.token.confirmation?.certificateThumbprint == certificate.thumbprint)
        // Another certificate of the same key is another certificate.
        let renewed = try await kit.judged(try own.renewed(.init("bound")))
        await expectRefusal(.invalidRequest) { try await exchange(renewed) }
        await expectRefusal(.invalidClient) { try await exchange(nil) }
    }

    private func forwarding() async throws -> Party {
        try await kit.update(.client, kit.gateway.id.text, ["forwards_certificates": true])
        return kit.gateway
    }

    private func expectCheckRefused(
        _ rule: String, words: String? = nil, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> CheckPass
    ) async {
        let refusal = await #expect(throws: CheckRefusal.self, sourceLocation: sourceLocation) {
            _ = try await body()
        }
        #expect(refusal?.error.rule == rule, sourceLocation: sourceLocation)
        if let words { #expect(refusal?.error.description == words, sourceLocation: sourceLocation) }
        #expect(refusal?.kind == .invalidToken, sourceLocation: sourceLocation)
    }
}
