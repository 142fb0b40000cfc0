package import Certificates
import Glibc

/// The one thing in a client's certificate that says who it is (RFC 8705 section 2.1.2): its subject, or one subject
/// alternative name of one kind.
package struct CertificateName: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case subjectDN = "subject_dn"
        case dnsName = "san_dns"
        case uri = "san_uri"
        case ipAddress = "san_ip"
        case email = "san_email"

        /// The member of the registration.
        package var member: String { "tls_client_auth_" + rawValue }

        /// What is accepted, for the answer to anything else.
        var expectation: String {
            switch self {
            case .subjectDN: "a distinguished name as RFC 4514 writes it, such as CN=agent,O=Example"
            case .dnsName: "a host name without wildcard, such as agent.example.com"
            case .uri: "an absolute URI, such as https://agents.example.com/7"
            case .ipAddress: "an IPv4 or IPv6 address"
            case .email: "an address such as agent@example.com"
            }
        }
    }

    private enum Expected: Sendable, Equatable {
        case subject(SubjectName)
        case text(String)
        case address([UInt8])
    }

    package let kind: Kind
    /// As registered.
    package let text: String
    private let expected: Expected

    /// Nil when the text is not a name of this kind.
    package init?(_ kind: Kind, _ text: String) {
        guard (1...SubjectName.maximumTextSize).contains(text.utf8.count) else { return nil }
        switch kind {
        case .subjectDN:
            guard let name = SubjectName(text), !name.isEmpty else { return nil }
            expected = .subject(name)
        case .dnsName:
            guard text.consists(of: .hostName, count: 1...253), !text.hasPrefix("."), !text.hasSuffix(".") else {
                return nil
            }
            expected = .text(text.lowercased())
        case .uri:
            guard Self.isURI(text) else { return nil }
            expected = .text(text)
        case .ipAddress:
            guard let bytes = Self.address(text) else { return nil }
            expected = .address(bytes)
        case .email:
            let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }),
                text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else { return nil }
            expected = .text(text)
        }
        self.kind = kind
        self.text = text
    }

    /// Whether the certificate has this name in this place, and nowhere else: a common name is no host name, and a
    /// wildcard names nobody. One of several alternative names is enough.
    package func matches(_ certificate: ParsedCertificate) -> Bool {
        switch (kind, expected) {
        case (.subjectDN, .subject(let name)): certificate.subject == name
        case (.dnsName, .text(let name)): certificate.dnsNames.contains { $0.lowercased().isExactly(name) }
        case (.uri, .text(let uri)): certificate.uris.contains { $0.isExactly(uri) }
        case (.email, .text(let email)): certificate.emails.contains { $0.isExactly(email) }
        case (.ipAddress, .address(let bytes)): certificate.addresses.contains(bytes)
        default: false
        }
    }

    /// A scheme, a colon, and characters that a URI may have (RFC 3986).
    private static func isURI(_ text: String) -> Bool {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), let first = text.utf8.first else { return false }
        let scheme = text.utf8[..<colon]
        return (first | 0x20 >= 0x61 && first | 0x20 <= 0x7A) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            && scheme.allSatisfy(isSchemeByte) && text.utf8.index(after: colon) < text.utf8.endIndex
    }

    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: false
        }
    }

    private static func address(_ text: String) -> [UInt8]? {
        var v4 = in_addr()
        var v6 = in6_addr()
        if unsafe inet_pton(AF_INET, text, &v4) == 1 {
            return unsafe withUnsafeBytes(of: v4) { unsafe Array($0) }
        }
        if unsafe inet_pton(AF_INET6, text, &v6) == 1 {
            return unsafe withUnsafeBytes(of: v6) { unsafe Array($0) }
        }
        return nil
    }
}

extension String {
    /// Whether both are the same bytes: Swift takes texts for equal that only look alike.
    fileprivate func isExactly(_ other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

extension CharacterSet {
    fileprivate static let hostName = CharacterSet(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"
    )
}
