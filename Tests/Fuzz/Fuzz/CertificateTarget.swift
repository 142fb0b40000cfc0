import Certificates
import OAuth

extension FuzzTarget {
    /// A header in which a proxy hands on a certificate (RFC 9440, and nginx's form), the certificate itself, and the
    /// name that a client is registered by.
    static let certificate = FuzzTarget(name: "certificate") { bytes in
        read(bytes)
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        _ = SubjectName(text)
        for form in [CertificateField.Form.byteSequence, .escapedPEM] {
            guard let der = CertificateField.certificate(in: text, form: form) else { continue }
            let other = CertificateField.certificate(inAnyForm: text)
            law("no header is two certificates", other == nil || other == der)
            read(der)
        }
        if let der = CertificateField.certificate(inAnyForm: text) { read(der) }
        if let chain = CertificateField.chain(in: [text]), let leaf = chain.first {
            _ = try? CertificateChain(leaf: leaf, intermediates: Array(chain.dropFirst()))
        }
    }

    private static func read(_ der: [UInt8]) {
        guard let certificate = try? ParsedCertificate(der: der) else { return }
        law("a certificate is what was presented", certificate.der == der)
        law("a certificate has a thumbprint", certificate.thumbprint.utf8.count == 43)
        law("a certificate has a size", der.count <= ParsedCertificate.maximumSize)
        law("an address has 4 or 16 bytes", certificate.addresses.allSatisfy { [4, 16].contains($0.count) })
        law("it is the same when it is read again", (try? ParsedCertificate(der: der))?.subject == certificate.subject)
        _ = certificate.isValid(at: 1_700_000_000)
        _ = certificate.subject.isEmpty
    }
}
