import Certificates
import HTTPTypes

/// The proxies that end TLS in front of us and hand on the client's certificate in a header.
///
/// The header proves nothing by itself: it is believed only because the proxy, told by its address, is trusted to have
/// made the handshake and to have removed what the client itself sent under that name (RFC 9440 section 2.4). From
/// anybody else it is an attempt to be somebody, or a mistake in the setup, and refused.
package struct TrustedProxies: Sendable {
    private let ranges: [AddressRange]
    private let field: HTTPField.Name
    private let form: CertificateField.Form
    /// Scheme, host and port under which clients find the proxy that asks for their certificates; nil for the issuer's.
    let origin: String?

    /// RFC 9440's own name; any other one carries PEM with percent escapes, as nginx and its kin write it.
    package static let standardField = "Client-Cert"

    package static let none = TrustedProxies()

    private init() {
        ranges = []
        field = Self.name
        form = .byteSequence
        origin = nil
    }

    /// Nil when the name is not one that a header can have.
    package init?(_ ranges: [AddressRange], field name: String, origin: String? = nil) {
        guard let field = HTTPField.Name(name), !Self.reserved.contains(field) else { return nil }
        self.ranges = ranges
        self.field = field
        form = field == Self.name ? .byteSequence : .escapedPEM
        self.origin = origin
    }

    /// The certificate that a proxy hands on; nil when it says that there was none, and when there are no proxies.
    ///
    /// - Throws: `HTTPRefusal` 400 for a header from anybody else, for two of them, and for anything but a certificate.
    func certificate(in fields: HTTPFields, from peer: String) throws -> CertificateChain? {
        guard !ranges.isEmpty else { return nil }
        let values = fields[values: field]
        let chain = form == .byteSequence ? fields[values: Self.chainName] : []
        guard !values.isEmpty || !chain.isEmpty else { return nil }
        guard let address = IPAddress(peer), ranges.contains(where: { $0.contains(address) }) else {
            throw refusal("is accepted from a trusted proxy alone")
        }
        guard values.count == 1, let value = values.first else { throw refusal("must be there exactly once") }
        // nginx sends the header empty when the client had no certificate.
        if value.isEmpty, form == .escapedPEM { return nil }
        guard let leaf = CertificateField.certificate(in: value, form: form),
            let intermediates = CertificateField.chain(in: chain)
        else {
            throw refusal(
                form == .byteSequence
                    ? "must be a certificate as RFC 9440 has it, :base64:"
                    : "must be one certificate in PEM, percent-encoded"
            )
        }
        do {
            return try CertificateChain(leaf: leaf, intermediates: intermediates)
        } catch {
            throw refusal("is not acceptable: \(error)")
        }
    }

    private func refusal(_ detail: String) -> HTTPRefusal {
        HTTPRefusal(status: .badRequest, detail: "the header \(field.rawName) \(detail)")
    }

    private static let name = HTTPField.Name.known(standardField)
    private static let chainName = HTTPField.Name.known("Client-Cert-Chain")
    /// Names that mean something else.
    private static let reserved: Set<HTTPField.Name> = [
        .authorization, .cookie, .contentType, .contentLength, .connection,
    ]
}
