package import Certificates
import Crypto
import FoundationEssentials
package import JOSE
import SwiftASN1
import X509

/// A certificate authority of the tests, and what it certifies.
package struct TestAuthority: Sendable {
    package let der: [UInt8]
    private let certificate: Certificate
    private let key: P256.Signing.PrivateKey

    /// One that signed itself.
    package init(_ name: String = "Test CA") throws {
        key = P256.Signing.PrivateKey()
        let subject = try DistinguishedName { CommonName(name) }
        certificate = try Self.make(
            subject: subject, publicKey: .init(key.publicKey), issuer: subject, signedBy: key,
            validity: .usual, extensions: Self.authority
        )
        der = try certificate.der
    }

    private init(_ certificate: Certificate, key: P256.Signing.PrivateKey) throws {
        self.certificate = certificate
        self.key = key
        der = try certificate.der
    }

    /// An authority below this one.
    ///
    /// - Parameter isForServersOnly: whether it may certify servers of TLS and nobody else.
    package func intermediate(_ name: String, isForServersOnly: Bool = false) throws -> TestAuthority {
        let key = P256.Signing.PrivateKey()
        let made = try Self.make(
            subject: DistinguishedName { CommonName(name) }, publicKey: .init(key.publicKey),
            issuer: certificate.subject, signedBy: self.key, validity: .usual,
            extensions: isForServersOnly ? Self.serversOnly : Self.authority
        )
        return try TestAuthority(made, key: key)
    }

    /// Another certificate of the same name and key: each of the two has signed the other.
    package func twin() throws -> TestAuthority {
        let made = try Self.make(
            subject: certificate.subject, publicKey: .init(key.publicKey), issuer: certificate.subject, signedBy: key,
            validity: .usual, extensions: Self.authority
        )
        return try TestAuthority(made, key: key)
    }

    package var anchors: TrustAnchors {
        get throws { try TrustAnchors(der: [der]) }
    }

    /// A certificate of a client.
    package func issue(_ request: TestCertificate.Request) throws -> TestCertificate {
        let key = P256.Signing.PrivateKey()
        let made = try Self.make(
            subject: request.subject, publicKey: .init(key.publicKey), issuer: certificate.subject, signedBy: self.key,
            validity: request.validity, extensions: request.extensions
        )
        return TestCertificate(der: try made.der, key: key)
    }

    private static var authority: Certificate.Extensions {
        get throws {
            try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            }
        }
    }

    private static var serversOnly: Certificate.Extensions {
        get throws {
            try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                try ExtendedKeyUsage([.serverAuth])
            }
        }
    }

    fileprivate static func make(
        subject: DistinguishedName, publicKey: Certificate.PublicKey, issuer: DistinguishedName,
        signedBy key: P256.Signing.PrivateKey, validity: TestCertificate.Validity, extensions: Certificate.Extensions
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
            notValidBefore: validity.dates.0, notValidAfter: validity.dates.1, issuer: issuer, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: .init(key)
        )
    }
}

/// A client's certificate and its key.
package struct TestCertificate: Sendable {
    package let der: [UInt8]
    private let key: P256.Signing.PrivateKey

    /// When a certificate is valid.
    package enum Validity: Sendable {
        /// From 2001 to 2100.
        case usual
        /// Until 2002.
        case over
        /// From 2099 on.
        case future

        fileprivate var dates: (Date, Date) {
            func year(_ year: Double) -> Date { Date(timeIntervalSince1970: (year - 1970) * 31_556_952) }
            return switch self {
            case .usual: (year(2001), year(2100))
            case .over: (year(2001), year(2002))
            case .future: (year(2099), year(2100))
            }
        }
    }

    /// What a certificate is to say.
    package struct Request: Sendable {
        package var commonName: String
        package var organization: String?
        package var dnsNames: [String] = []
        package var uris: [String] = []
        package var emails: [String] = []
        package var addresses: [[UInt8]] = []
        package var validity = Validity.usual
        /// For TLS servers and nothing else.
        package var isForServersOnly = false
        package var isAuthority = false

        package init(
            _ commonName: String, organization: String? = nil, dnsNames: [String] = [], uris: [String] = [],
            emails: [String] = [], addresses: [[UInt8]] = [], validity: Validity = .usual,
            isForServersOnly: Bool = false, isAuthority: Bool = false
        ) {
            self.commonName = commonName
            self.organization = organization
            self.dnsNames = dnsNames
            self.uris = uris
            self.emails = emails
            self.addresses = addresses
            self.validity = validity
            self.isForServersOnly = isForServersOnly
            self.isAuthority = isAuthority
        }

        fileprivate var subject: DistinguishedName {
            get throws {
                try DistinguishedName {
                    if let organization { OrganizationName(organization) }
                    CommonName(commonName)
                }
            }
        }

        fileprivate var extensions: Certificate.Extensions {
            get throws {
                let names =
                    dnsNames.map { GeneralName.dnsName($0) } + uris.map { .uniformResourceIdentifier($0) }
                    + emails.map { .rfc822Name($0) }
                    + addresses.map { .ipAddress(ASN1OctetString(contentBytes: $0[...])) }
                return try Certificate.Extensions {
                    if isAuthority {
                        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    } else {
                        Critical(BasicConstraints.notCertificateAuthority)
                    }
                    Critical(KeyUsage(digitalSignature: true, keyCertSign: isAuthority))
                    try ExtendedKeyUsage(isForServersOnly ? [.serverAuth] : [.clientAuth])
                    if !names.isEmpty { SubjectAlternativeNames(names) }
                }
            }
        }
    }

    fileprivate init(der: [UInt8], key: P256.Signing.PrivateKey) {
        self.der = der
        self.key = key
    }

    /// A certificate that nobody but its own key signed.
    package static func selfSigned(_ request: Request) throws -> TestCertificate {
        let key = P256.Signing.PrivateKey()
        let subject = try request.subject
        let made = try TestAuthority.make(
            subject: subject, publicKey: .init(key.publicKey), issuer: subject, signedBy: key,
            validity: request.validity, extensions: request.extensions
        )
        return TestCertificate(der: try made.der, key: key)
    }

    /// Another certificate of the same key.
    package func renewed(_ request: Request) throws -> TestCertificate {
        let subject = try request.subject
        let made = try TestAuthority.make(
            subject: subject, publicKey: .init(key.publicKey), issuer: subject, signedBy: key,
            validity: request.validity, extensions: request.extensions
        )
        return TestCertificate(der: try made.der, key: key)
    }

    package var parsed: ParsedCertificate {
        get throws { try ParsedCertificate(der: der) }
    }

    package func chain(_ intermediates: TestAuthority...) throws -> CertificateChain {
        try CertificateChain(leaf: der, intermediates: intermediates.map(\.der))
    }

    /// The key set that registers it.
    package var jwks: JSON {
        get throws { .object(["keys": .array([.object(try parsed.publicKey ?? [:])])]) }
    }
}

extension Certificate {
    fileprivate var der: [UInt8] {
        get throws {
            var serializer = DER.Serializer()
            try serializer.serialize(self)
            return serializer.serializedBytes
        }
    }
}
