import Certificates
import JOSE
import OAuth
import Support
import Testing

/// Client authentication by certificate (RFC 8705 section 2).
@Suite("Client authentication by certificate")
struct CertificateMethodTests {
    private let kit: LegateKit
    private let authority: TestAuthority

    init() async throws {
        kit = try await LegateKit.start()
        authority = try TestAuthority()
    }

    private func named() async throws -> Party {
        try await kit.createAgent(
            "named", auth: "tls_client_auth", with: ["tls_client_auth_san_dns": "agent.example.com"])
    }

    private func certificate(
        _ dnsName: String = "agent.example.com", validity: TestCertificate.Validity = .usual,
        of other: TestAuthority? = nil
    ) async throws -> ClientCertificate {
        let made = try (other ?? authority).issue(.init("agent", dnsNames: [dnsName], validity: validity))
        return try await kit.judged(made, by: authority.anchors)
    }

    private func expectRefused(
        _ party: Party, _ certificate: ClientCertificate?, naming id: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let refusal = await expectRefusal(.invalidClient, sourceLocation: sourceLocation) {
            try await kit.token(party, showing: certificate, naming: id)
        }
        // Nobody learns from the answer which of the names exist.
        #expect(refusal?.description.contains("named") != true, sourceLocation: sourceLocation)
        kit.clock.advance(seconds: 60)
    }

    // MARK: tls_client_auth

    @Test("a certificate of the authority with the registered name proves the client (MTLS-01)")
    func byName() async throws {
        let party = try await named()
        let response = try await kit.token(party, showing: try await certificate())
        #expect(response.token.clientID == party.id)
    }

    @Test("no certificate, another authority, another name, or not its time: refused (MTLS-04)")
    func refused() async throws {
        let party = try await named()
        await expectRefused(party, nil)
        await expectRefused(party, try await certificate(of: TestAuthority("Test CA")))
        await expectRefused(party, try await certificate("other.example.com"))
        await expectRefused(party, try await certificate(validity: .over))
        await expectRefused(party, try await certificate(validity: .future))
        await expectRefused(
            party,
            try await kit.judged(TestCertificate.selfSigned(.init("agent", dnsNames: ["agent.example.com"]))))
    }

    @Test("the log names the client that a refused certificate was shown for")
    func words() async throws {
        let party = try await named()
        let other = try await certificate("other.example.com")
        let refusal = await expectRefusal(.invalidClient) { try await kit.token(party, showing: other) }
        #expect(
            refusal?.detail == "claimed client named: certificate \(other.thumbprint): "
                + "it has not the name that the client is registered with")
    }

    @Test("a path that has ended since it was found proves nothing")
    func endedPath() async throws {
        let party = try await named()
        let chain = try authority.issue(.init("agent", dnsNames: ["agent.example.com"])).chain()
        let ended = ClientCertificate(chain, verifiedUntil: kit.clock.time.seconds - 1)
        await expectRefused(party, ended)
    }

    @Test("whoever has a good certificate is not any other client")
    func anotherClient() async throws {
        _ = try await named()
        let good = try await certificate()
        for other in ["planner", "signer", "nobody", "x y"] {
            await expectRefused(Party(World.id("named"), .none), good, naming: other)
        }
    }

    @Test("a certificate beside a secret is not a second method")
    func besideSecret() async throws {
        let response = try await kit.token(kit.planner, showing: try await certificate())
        #expect(response.token.clientID == kit.planner.id)
        #expect(response.token.confirmation == nil)
    }

    @Test("a client that authenticates by a certificate may send an actor token")
    func besideActorToken() async throws {
        let party = try await named()
        try await kit.delegate(to: party, scopes: "calendar.read")
        let certificate = try await certificate()
        let own = try await kit.token(party, showing: certificate).accessToken
        var form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue), ("client_id", party.id.text),
            ("subject_token", try kit.corp.token("alice", audience: kit.issuer)),
            ("subject_token_type", TokenType.idToken.rawValue), ("resource", World.calendar.text),
        ])
        form.add(["actor_token": own, "actor_token_type": TokenType.accessToken.rawValue])
        let request = try kit.request(form, from: party).with(Presented(certificate: certificate))
        #expect(try await kit.server.tokenEndpoint.respond(to: request).token.clientID == party.id)
    }

    // MARK: self_signed_tls_client_auth

    @Test("a certificate of a registered key proves the client, also one that was made anew")
    func registeredKey() async throws {
        let own = try TestCertificate.selfSigned(.init("worker"))
        let party = try await kit.createAgent(
            "own", auth: "self_signed_tls_client_auth", with: ["jwks": try own.jwks])
        try await kit.token(party, showing: try await kit.judged(own))
        try await kit.token(party, showing: try await kit.judged(try own.renewed(.init("worker, later"))))
        await expectRefused(party, try await kit.judged(TestCertificate.selfSigned(.init("worker"))))
        await expectRefused(party, try await kit.judged(try own.renewed(.init("worker", validity: .over))))
    }

    @Test("a certificate of an authority is not a registered key")
    func otherProof() async throws {
        let own = try TestCertificate.selfSigned(.init("worker"))
        let party = try await kit.createAgent(
            "own", auth: "self_signed_tls_client_auth", with: ["jwks": try own.jwks])
        await expectRefused(party, try await certificate("worker"))
    }

    @Test("keys behind a URL are fetched, and an unknown one looked for again")
    func keysByURL() async throws {
        let first = try TestCertificate.selfSigned(.init("worker"))
        let second = try TestCertificate.selfSigned(.init("worker"))
        let url = "https://worker.example.com/jwks"
        kit.fetcher.put(try first.jwks.object, at: url)
        let party = try await kit.createAgent(
            "own", auth: "self_signed_tls_client_auth", with: ["jwks_uri": .string(url)])
        try await kit.token(party, showing: try await kit.judged(first))
        await expectRefused(party, try await kit.judged(second))
        kit.fetcher.put(try second.jwks.object, at: url)
        kit.clock.advance(seconds: 60)
        try await kit.token(party, showing: try await kit.judged(second))
    }

    // MARK: Registration

    @Test("two names, none, or a name for another method cannot be registered (MTLS-06)")
    func registration() async throws {
        let two: JSONObject = ["tls_client_auth_san_dns": "a.example.com", "tls_client_auth_san_ip": "192.0.2.7"]
        await expectInvalid("tls_client_auth_san_ip") {
            try await kit.createAgent("a", auth: "tls_client_auth", with: two)
        }
        await expectInvalid("auth") { try await kit.createAgent("b", auth: "tls_client_auth") }
        await expectInvalid("tls_client_auth_san_dns") {
            try await kit.createAgent(
                "c", auth: "private_key_jwt",
                with: [
                    "jwks": try TestCertificate.selfSigned(.init("c")).jwks, "tls_client_auth_san_dns": "a.example.com",
                ])
        }
        await expectInvalid("tls_client_auth_san_dns") {
            try await kit.createAgent("d", auth: "tls_client_auth", with: ["tls_client_auth_san_dns": "*.example.com"])
        }
        await expectInvalid("jwks") { try await kit.createAgent("e", auth: "self_signed_tls_client_auth") }
    }

    @Test("a certificate beside a key that is not its own cannot be registered")
    func mixedKey() async throws {
        let one = try #require(try TestCertificate.selfSigned(.init("a")).parsed.publicKey)
        let other = try #require(try TestCertificate.selfSigned(.init("b")).parsed.publicKey)
        var mixed = one
        mixed["x5c"] = other["x5c"]
        await expectInvalid("jwks") {
            try await kit.createAgent(
                "a", auth: "self_signed_tls_client_auth", with: ["jwks": .object(["keys": [.object(mixed)]])])
        }
    }

    @Test("a name is kept over a restart, and can be exchanged for one of another kind")
    func kept() async throws {
        let party = try await named()
        let restarted = try await kit.restarted()
        try await restarted.token(party, showing: try await certificate())
        try await restarted.update(
            .client, "named",
            ["tls_client_auth_san_dns": .null, "tls_client_auth_subject_dn": "CN=agent", "certificate_bound": true])
        let again = try await restarted.restarted()
        let response = try await again.token(party, showing: try await certificate("elsewhere.example.com"))
        #expect(response.token.confirmation?.certificateThumbprint != nil)
    }
}
