import Certificates
import FoundationEssentials
import JOSE
import Support
import Testing

@Suite("Reading certificates")
struct ParsedCertificateTests {
    @Test("the names of a certificate stand apart by kind")
    func names() throws {
        let certificate = try TestAuthority().issue(
            .init(
                "agent", organization: "Example", dnsNames: ["a.example.com", "b.example.com"],
                uris: ["https://example.com/a"], emails: ["a@example.com"], addresses: [[192, 0, 2, 7]]
            )
        ).parsed
        #expect(certificate.dnsNames == ["a.example.com", "b.example.com"])
        #expect(certificate.uris == ["https://example.com/a"])
        #expect(certificate.emails == ["a@example.com"])
        #expect(certificate.addresses == [[192, 0, 2, 7]])
        #expect(certificate.subject == SubjectName("CN=agent,O=Example"))
        #expect(!certificate.isAuthority)
        #expect(certificate.maySign)
        #expect(!certificate.mayCertify)
    }

    @Test("the thumbprint of the key is that of the registered key")
    func keyThumbprint() throws {
        let certificate = try TestCertificate.selfSigned(.init("agent"))
        let key = try #require(try certificate.parsed.publicKey)
        #expect(try JWK(json: .object(key)).thumbprint == (try certificate.parsed.keyThumbprint))
        #expect(key["x5c"]?.array?.count == 1)
    }

    @Test("what is not one whole certificate is refused")
    func malformed() throws {
        let der = try TestCertificate.selfSigned(.init("agent")).der
        for bad in [[], Array(der.dropLast()), der + [0], [0x30, 0x80], Array(repeating: 0x30, count: 64)] {
            #expect(throws: CertificateFault.malformed) { try ParsedCertificate(der: bad) }
        }
        #expect(throws: CertificateFault.tooLarge) {
            try ParsedCertificate(der: Array(repeating: 0, count: ParsedCertificate.maximumSize + 1))
        }
    }

    @Test("a well-formed certificate with a key that is too short is told from a malformed one")
    func shortKey() throws {
        let der = try #require(Data(base64Encoded: Self.rsa1024, options: .ignoreUnknownCharacters))
        #expect(throws: CertificateFault.keySize) { try ParsedCertificate(der: Array(der)) }
    }

    /// Signs itself with RSA of 1024 bits.
    private static let rsa1024 = """
        MIIB/jCCAWegAwIBAgIUHrXqEBf3a+Ou4tGeLSZa7xjBI3UwDQYJKoZIhvcNAQELBQAwEDEOMAwGA1UEAwwFYWdlbnQwIBcNMjYx
        MTIxMjIwMjA4WhgPMjEyNjEwMjgyMjAyMDhaMBAxDjAMBgNVBAMMBWFnZW50MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCh
        VjLaJihfBe0Bjc6hYDvR7msVgHLS6ZdQ/15S79MWZTi/MtZ6fE3QJw7iXcj5KDaGA0KQIkCN2Y7003aKM69wwNDWubnP2fj413Oo
        WJmuPkYTbDcU+6xLKLELinulXqZye1cy7JyBrtlNtiy+/W0SgKZ0khun/Lu4mxblRxRmJQIDAQABo1MwUTAdBgNVHQ4EFgQUOr+X
        3I1kLU+u9xTPPGzmjvj7RHUwHwYDVR0jBBgwFoAUOr+X3I1kLU+u9xTPPGzmjvj7RHUwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG
        9w0BAQsFAAOBgQCBdXEriTEYT0nmGKlQ+qBtK3GrkPWTE06izTjw1VZ1D6MTp1bfPXOKGeYZSjPM67HTATEjwrS1lB+H20Zp25jo
        DntsQ7jPNQ1mpvPnZ8H4BXbuqKRkbbb4+KTxp8Hyff2bAhuXx+f0jzrfmJG4v8br8Vxi5JTWS5t+zj6v613E6w==
        """

    /// The signature itself can be written in more than one way; what it covers cannot.
    @Test("a certificate with any byte changed is not trusted, or says the same")
    func changed() async throws {
        let authority = try TestAuthority()
        let original = try authority.issue(.init("agent", dnsNames: ["agent.example.com"]))
        let parsed = try original.parsed
        var trusted = 0
        for index in original.der.indices {
            var changed = original.der
            changed[index] ^= 0x01
            guard let chain = try? CertificateChain(leaf: changed),
                (try? await authority.anchors.verify(chain, at: 1_780_000_000)) != nil
            else { continue }
            trusted += 1
            #expect(chain.leaf.subject == parsed.subject, "byte \(index)")
            #expect(chain.leaf.dnsNames == parsed.dnsNames, "byte \(index)")
            #expect(chain.leaf.keyThumbprint == parsed.keyThumbprint, "byte \(index)")
            #expect(chain.leaf.notAfter == parsed.notAfter, "byte \(index)")
            #expect(chain.leaf.thumbprint != parsed.thumbprint, "byte \(index)")
        }
        #expect(trusted <= 2)
    }
}
