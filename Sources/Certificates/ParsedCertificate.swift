internal import Crypto
internal import FoundationEssentials
package import JOSE
internal import SwiftASN1
internal import X509

/// What an X.509 certificate says (RFC 5280), read once and strictly. It says nothing about who believes it: only
/// `TrustAnchors` can tell that, and only a TLS handshake that somebody holds its key.
package struct ParsedCertificate: Sendable {
    /// The bytes of the certificate, exactly as presented.
    package let der: [UInt8]
    /// base64url of the SHA-256 of `der`: what `x5t#S256` holds (RFC 8705 section 3.1).
    package let thumbprint: String
    package let subject: SubjectName
    /// Subject alternative names of the four kinds that a client can be registered by (RFC 8705 section 2.1.2).
    package let dnsNames: [String]
    package let uris: [String]
    package let emails: [String]
    /// 4 or 16 bytes each.
    package let addresses: [[UInt8]]
    /// Seconds since 1970; both ends belong to the time in which the certificate is valid (RFC 5280 section 4.1.2.5).
    package let notBefore: Int64
    package let notAfter: Int64
    /// Whether the basic constraints make it a certificate authority.
    package let isAuthority: Bool
    /// Whether its key may sign what is not a certificate. True when there is no key usage extension.
    package let maySign: Bool
    /// Whether its key may sign certificates or revocation lists according to the key usage extension.
    package let mayCertify: Bool
    /// Whether its key may sign certificates. True when there is no key usage extension: then the basic constraints
    /// alone decide.
    package let maySignCertificates: Bool
    /// Whether it may authenticate a client of TLS. True when there is no extended key usage extension.
    package let mayAuthenticateClients: Bool
    /// The RFC 7638 thumbprint of its public key; nil for a kind of key that no JWK of ours can hold.
    package let keyThumbprint: String?

    let certificate: Certificate

    /// The most bytes of one certificate that are looked at.
    package static let maximumSize = 8 * 1024

    /// Reads DER.
    ///
    /// - Throws: `CertificateFault` when it is not one certificate, whole and in DER, or when its key is too short.
    package init(der: [UInt8]) throws(CertificateFault) {
        guard der.count <= Self.maximumSize else { throw .tooLarge }
        let certificate: Certificate
        do {
            certificate = try Certificate(derEncoded: der)
        } catch CryptoKitError.incorrectParameterSize {
            // The certificate itself is well formed: its RSA key is too short to prove anything.
            throw .keySize
        } catch {
            throw .malformed
        }
        self.certificate = certificate
        self.der = der
        thumbprint = Base64URL.encode(Array(SHA256.hash(data: der)))
        subject = SubjectName(certificate.subject)
        var names = Names()
        do {
            try names.read(certificate.extensions.subjectAlternativeNames)
            if case .isCertificateAuthority? = try certificate.extensions.basicConstraints {
                isAuthority = true
            } else {
                isAuthority = false
            }
            let usage = try certificate.extensions.keyUsage
            maySign = usage?.digitalSignature ?? true
            mayCertify = usage.map { $0.keyCertSign || $0.cRLSign } ?? false
            maySignCertificates = usage?.keyCertSign ?? true
            let purposes = try certificate.extensions.extendedKeyUsage
            mayAuthenticateClients = purposes.map { $0.contains(.clientAuth) || $0.contains(.any) } ?? true
        } catch {
            throw .malformed
        }
        dnsNames = names.dns
        uris = names.uris
        emails = names.emails
        addresses = names.addresses
        notBefore = Self.seconds(certificate.notValidBefore)
        notAfter = Self.seconds(certificate.notValidAfter)
        keyThumbprint = Self.keyThumbprint(of: certificate)
    }

    /// Whether the time, in seconds since 1970, lies within the certificate's validity.
    package func isValid(at time: Int64) -> Bool { notBefore <= time && time <= notAfter }

    private static func seconds(_ date: Date) -> Int64 {
        Int64(exactly: date.timeIntervalSince1970.rounded(.down)) ?? 0
    }

    /// The public key as a JWK with the certificate in `x5c` (RFC 7517 section 4.7); nil for a kind that no JWK of ours
    /// can hold.
    package var publicKey: JSONObject? {
        guard keyThumbprint != nil, var key = PublicKeyParameters.of(certificate.publicKey) else { return nil }
        key["x5c"] = [.string(Base64Text.encode(der))]
        return key
    }

    private static func keyThumbprint(of certificate: Certificate) -> String? {
        guard let parameters = PublicKeyParameters.of(certificate.publicKey) else { return nil }
        return (try? JWK(json: .object(parameters)))?.thumbprint
    }
}

/// Why a certificate was not even looked at.
package enum CertificateFault: Error, Sendable, Equatable, CustomStringConvertible {
    case malformed
    case keySize
    case tooLarge
    case tooMany

    package var description: String {
        switch self {
        case .malformed: "it is not an X.509 certificate in DER"
        case .keySize: "the size of its key is not accepted: an RSA key must have 2048 bits or more"
        case .tooLarge: "it is larger than \(ParsedCertificate.maximumSize) bytes"
        case .tooMany: "there are more than \(CertificateChain.maximumIntermediates) intermediate certificates"
        }
    }
}

/// The subject alternative names of one certificate, by kind.
private struct Names {
    var dns: [String] = []
    var uris: [String] = []
    var emails: [String] = []
    var addresses: [[UInt8]] = []

    mutating func read(_ names: SubjectAlternativeNames?) {
        for name in names ?? SubjectAlternativeNames() {
            switch name {
            case .dnsName(let name): dns.append(name)
            case .uniformResourceIdentifier(let uri): uris.append(uri)
            case .rfc822Name(let email): emails.append(email)
            case .ipAddress(let address): addresses.append(Array(address.bytes))
            default: break
            }
        }
    }
}
