import Certificates
import Support
import Testing

/// RFC 5280 section 6, as far as it decides about a client.
@Suite("Certificate authorities")
struct TrustAnchorTests {
    /// 2026.
    private let time: Int64 = 1_780_000_000

    @Test("a certificate of a configured authority is trusted until the first of its path ends")
    func trusted() async throws {
        let authority = try TestAuthority()
        let certificate = try authority.issue(.init("agent"))
        let end = try await authority.anchors.verify(try certificate.chain(), at: time)
        #expect(end == (try certificate.parsed.notAfter))
    }

    @Test("intermediate certificates lead to the authority")
    func intermediates() async throws {
        let authority = try TestAuthority()
        let below = try authority.intermediate("Agents")
        let certificate = try below.issue(.init("agent"))
        _ = try await authority.anchors.verify(try certificate.chain(below), at: time)
        await #expect(throws: UntrustedChain.self) {
            try await authority.anchors.verify(try certificate.chain(), at: time)
        }
    }

    @Test("a certificate of another authority with the same name is not trusted")
    func sameName() async throws {
        let stranger = try TestAuthority("Test CA")
        let certificate = try stranger.issue(.init("agent"))
        await #expect(throws: UntrustedChain.self) {
            try await TestAuthority("Test CA").anchors.verify(try certificate.chain(stranger), at: time)
        }
    }

    @Test("a certificate that an agent signed with its own certificate is not trusted")
    func signedByAgent() async throws {
        let authority = try TestAuthority()
        let agent = try authority.issue(.init("agent"))
        let forged = try TestCertificate.selfSigned(.init("planner"))
        await #expect(throws: UntrustedChain.self) {
            try await authority.anchors.verify(
                CertificateChain(leaf: forged.der, intermediates: [agent.der]), at: time)
        }
    }

    @Test("a certificate outside its time is not trusted", arguments: [TestCertificate.Validity.over, .future])
    func notItsTime(_ validity: TestCertificate.Validity) async throws {
        let authority = try TestAuthority()
        let certificate = try authority.issue(.init("agent", validity: validity))
        await #expect(throws: UntrustedChain.self) {
            try await authority.anchors.verify(try certificate.chain(), at: time)
        }
    }

    @Test("a certificate for servers authenticates no client")
    func forServers() async throws {
        let authority = try TestAuthority()
        let certificate = try authority.issue(.init("agent", isForServersOnly: true))
        await #expect(throws: UntrustedChain.self) {
            try await authority.anchors.verify(try certificate.chain(), at: time)
        }
    }

    @Test("an authority that may certify servers alone certifies no client")
    func authorityForServers() async throws {
        let authority = try TestAuthority()
        let below = try authority.intermediate("Servers", isForServersOnly: true)
        let certificate = try below.issue(.init("agent"))
        await #expect(throws: UntrustedChain.self) {
            try await authority.anchors.verify(try certificate.chain(below), at: time)
        }
    }

    @Test("without an authority nothing is trusted")
    func none() async throws {
        let certificate = try TestCertificate.selfSigned(.init("agent"))
        await #expect(throws: UntrustedChain.self) {
            try await TrustAnchors.none.verify(try certificate.chain(), at: time)
        }
    }

    @Test("more intermediates than a path needs are refused unread")
    func tooMany() throws {
        let authority = try TestAuthority()
        let certificate = try authority.issue(.init("agent"))
        let many = Array(repeating: authority.der, count: CertificateChain.maximumIntermediates + 1)
        #expect(throws: CertificateFault.tooMany) {
            try CertificateChain(leaf: certificate.der, intermediates: many)
        }
    }
}
