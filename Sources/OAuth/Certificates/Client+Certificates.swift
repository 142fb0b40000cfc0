import Certificates
import JOSE

extension AuthenticationMethod {
    /// A client certificate that leads to a configured authority, and the name in it (RFC 8705 section 2.1).
    package static let tlsClientAuth = AuthenticationMethod(rawValue: "tls_client_auth")
    /// A client certificate whose key the client registered (RFC 8705 section 2.2).
    package static let selfSignedTLSClientAuth = AuthenticationMethod(rawValue: "self_signed_tls_client_auth")

    /// Whether the proof is the certificate of the connection.
    var usesCertificate: Bool { Self.byCertificate.contains(self) }

    /// Whether the client has to register public keys.
    var needsKeys: Bool { self == .privateKeyJWT || self == .selfSignedTLSClientAuth }

    static let byCertificate: Set<AuthenticationMethod> = [.tlsClientAuth, .selfSignedTLSClientAuth, .spiffeX509]
}

extension Client {
    /// The name in its certificate, if it is of this kind.
    func certificateName(of kind: CertificateName.Kind) -> JSON {
        .text(certificateName.flatMap { $0.kind == kind ? $0.text : nil })
    }

    /// Reads what a registration says of certificates. Exactly one name for `tls_client_auth`, none for any other method
    /// (RFC 8705 section 2.1.2).
    mutating func readCertificates(_ reader: inout DocumentReader) {
        certificateBound = reader.bool("certificate_bound", default: false)
        forwardsCertificates = reader.bool("forwards_certificates", default: false)
        if forwardsCertificates, kind != .gateway { reader.refuse("forwards_certificates", "is for gateways") }
        var names: [CertificateName] = []
        var given: [String] = []
        for kind in CertificateName.Kind.allCases {
            if reader.value(kind.member) != nil { given.append(kind.member) }
            if let name = reader.parsed(kind.member, kind.expectation, { CertificateName(kind, $0) }) {
                names.append(name)
            }
        }
        certificateName = nil
        guard authentication == .tlsClientAuth else {
            if let first = given.first { reader.refuse(first, "is for clients with auth tls_client_auth") }
            return
        }
        guard given.count <= 1 else {
            for member in given.dropFirst() {
                reader.refuse(
                    member, "cannot be given together with \(given.first ?? ""): one name says who the client is")
            }
            return
        }
        if given.isEmpty {
            let members = CertificateName.Kind.allCases.map(\.member).joined(separator: ", ")
            reader.refuse("auth", "tls_client_auth needs exactly one of \(members)")
        }
        certificateName = names.first
    }
}

extension DocumentReader {
    /// A certificate that stands beside a key has to be one of that key (RFC 7517 section 4.7): whoever registers it
    /// means the certificate.
    mutating func checkCertificates(in keys: JSON) {
        let entries = keys.object?["keys"]?.array ?? [keys]
        for entry in entries {
            guard let chain = entry.object?["x5c"] else { continue }
            guard let text = chain.array?.first?.string, let der = Base64Text.decode(text.utf8),
                let certificate = try? ParsedCertificate(der: der)
            else {
                refuse("jwks", "x5c must be a list of certificates in base64")
                continue
            }
            guard let key = try? JWK(json: entry) else { continue }
            if certificate.keyThumbprint != key.thumbprint {
                refuse("jwks", "the first certificate in x5c is not one of its key")
            }
        }
    }
}
