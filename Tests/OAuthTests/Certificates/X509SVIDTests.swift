import Certificates
import JOSE
import OAuth
import Support
import Testing
import Vault

/// X.509-SVIDs as client authentication (SPIFFE X509-SVID; draft-ietf-oauth-spiffe-client-auth section 3.2).
@Suite("X.509-SVIDs")
struct X509SVIDTests {
    private let kit: LegateKit
    private let rover: Party
    private let authority: TestAuthority

    init() async throws {
        authority = try TestAuthority("example.org")
        let (kit, mesh, rover) = try await Mesh.start(["auth": "spiffe_x509"])
        kit.fetcher.put(Self.bundle(authority), at: Mesh.bundleURL)
        self.kit = kit
        self.rover = rover
        #expect(mesh.domain == "example.org")
    }

    private static func bundle(_ authority: TestAuthority, sequence: Int64 = 2) -> JSONObject {
        let entry: JSONObject = [
            "use": "x509-svid", "kty": "EC", "crv": "P-256", "x": "", "y": "",
            "x5c": [.string(Base64Text.encode(authority.der))],
        ]
        return ["keys": [.object(entry)], "spiffe_sequence": .integer(sequence), "spiffe_refresh_hint": 60]
    }

    private func svid(
        _ uris: [String] = ["spiffe://example.org/rover"], of other: TestAuthority? = nil,
        _ adjust: (inout TestCertificate.Request) -> Void = { _ in }
    ) async throws -> ClientCertificate {
        var request = TestCertificate.Request("rover", uris: uris)
        adjust(&request)
        return try await kit.judged(try (other ?? authority).issue(request))
    }

    private func expectRefused(
        _ certificate: ClientCertificate, naming id: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        await expectRefusal(.invalidClient, sourceLocation: sourceLocation) {
            try await kit.token(rover, showing: certificate, naming: id)
        }
        kit.clock.advance(seconds: 60)
    }

    @Test("an SVID of the trust domain proves the client, and the record says which workload it was")
    func proves()
        async throws
    {
        let response = try await kit.token(rover, showing: try await svid())
        #expect(response.token.clientID == rover.id)
        let record = try #require(try await kit.lastRecord())
        #expect(record.event.policyEvaluation?.reason?.contains("spiffe://example.org/rover") == true)
    }

    @Test("a workload acts for a user by the SVID of its connection, and the record says which workload it was")
    func acts() async throws {
        try await kit.delegate(to: rover, scopes: "calendar.read")
        let form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue), ("client_id", rover.id.text),
            ("resource", World.calendar.text),
            ("subject_token", try kit.corp.token("alice", audience: kit.issuer)),
            ("subject_token_type", TokenType.idToken.rawValue),
        ])
        let certificate = try await svid()
        let response = try await kit.server.tokenEndpoint.respond(
            to: try kit.request(form, from: rover).with(Presented(certificate: certificate)))
        let claims = try UnverifiedJWT(response.accessToken).claims
        #expect(claims["sub"] == "corp|alice")
        #expect(claims["act"]?.object?["sub"] == .string(rover.id.text))
        let record = try #require(try await kit.lastRecord())
        #expect(record.event.policyEvaluation?.reason?.contains("spiffe://example.org/rover") == true)
    }

    @Test("the client may be named by its SPIFFE ID")
    func clientID() async throws {
        try await kit.token(rover, showing: try await svid(), naming: "spiffe://example.org/rover")
        await expectRefused(try await svid(), naming: "spiffe://example.org/other")
    }

    @Test("an SVID of another trust domain, or another workload, is refused")
    func foreign() async throws {
        await expectRefused(try await svid(["spiffe://other.org/rover"]))
        await expectRefused(try await svid(["spiffe://example.org/other"]))
        await expectRefused(try await svid(of: TestAuthority("example.org")))
    }

    @Test("an authority that clients are trusted by is not the trust domain's")
    func configuredAuthority() async throws {
        let configured = try TestAuthority("Corporate CA")
        let certificate = try configured.issue(.init("rover", uris: ["spiffe://example.org/rover"]))
        await expectRefused(try await kit.judged(certificate, by: configured.anchors))
    }

    @Test("what is not exactly one SPIFFE ID of a workload is refused")
    func notOneID() async throws {
        for uris in [
            [], ["spiffe://example.org/rover", "spiffe://example.org/other"],
            ["spiffe://example.org/rover", "https://example.org/rover"], ["spiffe://example.org"],
            ["spiffe://example.org/rover?x=1"], ["SPIFFE://example.org/rover"],
        ] {
            await expectRefused(try await svid(uris))
        }
        await expectRefused(try await svid([]) { $0.dnsNames = ["spiffe://example.org/rover"] })
    }

    @Test("a certificate of an authority, or one whose time is over, is no workload's")
    func notAWorkload() async throws {
        await expectRefused(try await svid { $0.isAuthority = true })
        await expectRefused(try await svid { $0.validity = .over })
    }

    @Test("a client for JWT-SVIDs is not proved by a certificate")
    func otherMethod() async throws {
        let (kit, _, rover) = try await Mesh.start()
        kit.fetcher.put(Self.bundle(authority), at: Mesh.bundleURL)
        let certificate = try await svid()
        await expectRefusal(.invalidClient) { try await kit.token(rover, showing: certificate) }
    }

    @Test("a withdrawn authority is trusted no more")
    func withdrawn() async throws {
        try await kit.token(rover, showing: try await svid())
        kit.fetcher.put(Self.bundle(try TestAuthority("example.org"), sequence: 3), at: Mesh.bundleURL)
        kit.clock.advance(seconds: 61)
        await kit.server.spiffeBundles.refreshDue()
        await expectRefused(try await svid())
    }
}
