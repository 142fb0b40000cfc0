import Certificates
import OAuth
import Support
import Testing

/// RFC 8705 section 2.1.2: which certificate has the name that a client is registered with.
@Suite("The names of clients in certificates")
struct CertificateNameTests {
    private let certificate: ParsedCertificate

    init() throws {
        certificate = try TestAuthority().issue(
            .init(
                "https://agents.example.com/cn", organization: "Example",
                dnsNames: ["Agent.Example.com", "*.wild.example.com"],
                uris: ["https://agents.example.com/1", "https://agents.example.com/7"],
                emails: ["agent@example.com"], addresses: [[192, 0, 2, 7], Array(repeating: 0, count: 15) + [1]]
            )
        ).parsed
    }

    @Test(
        "one name of several is enough (MTLS-05)",
        arguments: [
            (CertificateName.Kind.subjectDN, "CN=https://agents.example.com/cn,O=Example"),
            (.dnsName, "agent.example.com"), (.uri, "https://agents.example.com/7"), (.email, "agent@example.com"),
            (.ipAddress, "192.0.2.7"), (.ipAddress, "::1"), (.ipAddress, "0:0:0:0:0:0:0:1"),
        ])
    func oneOfSeveral(_ kind: CertificateName.Kind, _ text: String) throws {
        #expect(try #require(CertificateName(kind, text)).matches(certificate))
    }

    @Test(
        "another name is not this one",
        arguments: [
            (CertificateName.Kind.subjectDN, "CN=https://agents.example.com/cn"), (.subjectDN, "O=Example"),
            (.subjectDN, "O=Example,CN=https://agents.example.com/cn"),
            (.dnsName, "other.example.com"), (.dnsName, "a.wild.example.com"), (.dnsName, "example.com"),
            (.uri, "https://agents.example.com/7/"), (.uri, "HTTPS://agents.example.com/7"),
            (.email, "Agent@example.com"), (.ipAddress, "192.0.2.8"), (.ipAddress, "::ffff:192.0.2.7"),
        ])
    func another(_ kind: CertificateName.Kind, _ text: String) throws {
        #expect(try !#require(CertificateName(kind, text)).matches(certificate))
    }

    @Test("a common name that looks like the URI is not the URI (MTLS-05)")
    func commonName() throws {
        let name = try #require(CertificateName(.uri, "https://agents.example.com/cn"))
        #expect(!name.matches(certificate))
    }

    @Test("a name of one kind is not looked for among the others")
    func otherKind() throws {
        let lookalike = try TestAuthority().issue(
            .init("a", dnsNames: ["https://agents.example.com/7"], emails: ["agent.example.com"])
        ).parsed
        #expect(try !#require(CertificateName(.uri, "https://agents.example.com/7")).matches(lookalike))
        #expect(try !#require(CertificateName(.dnsName, "agent.example.com")).matches(lookalike))
    }

    @Test(
        "what is not a name of the kind cannot be registered",
        arguments: [
            (CertificateName.Kind.subjectDN, ""), (.subjectDN, "agent"), (.dnsName, "*.example.com"),
            (.dnsName, ".example.com"),
            (.dnsName, "a b"), (.uri, "agents.example.com/7"), (.uri, "https:"), (.uri, "1s://a"),
            (.ipAddress, "192.0.2"),
            (.ipAddress, "192.0.2.7/24"), (.email, "agent"), (.email, "a@b@c"), (.email, "@example.com"),
        ])
    func notAName(_ kind: CertificateName.Kind, _ text: String) {
        #expect(CertificateName(kind, text) == nil)
    }
}
