internal import JOSE

/// The value of a header field in which a proxy or a gateway hands on the certificate of a connection that it ended.
package enum CertificateField {
    /// How a certificate stands in the field.
    package enum Form: Sendable, Equatable {
        /// RFC 9440 section 2.1: a Structured Field byte sequence, `:base64 of the DER:`.
        case byteSequence
        /// PEM with percent escapes, as nginx writes `$ssl_client_escaped_cert`.
        case escapedPEM
    }

    /// Bytes of a value. All headers of a request have no more.
    package static let maximumSize = 16 * 1024

    /// The DER of the one certificate in the value, or nil when there is anything else.
    package static func certificate(in value: String, form: Form) -> [UInt8]? {
        guard value.utf8.count <= maximumSize else { return nil }
        switch form {
        case .byteSequence: return byteSequence(value.utf8[...])
        case .escapedPEM:
            guard let text = unescaped(value), isBare(text),
                let certificates = try? CertificatePEM.certificates(in: text),
                certificates.count == 1
            else { return nil }
            return certificates.first
        }
    }

    /// The same in whichever form it is; a bare base64 of the DER is one more. For senders who prove who they are.
    package static func certificate(inAnyForm value: String) -> [UInt8]? {
        if value.hasPrefix(":") { return certificate(in: value, form: .byteSequence) }
        if value.hasPrefix("-----BEGIN") || value.contains("%") { return certificate(in: value, form: .escapedPEM) }
        guard value.utf8.count <= maximumSize, !value.isEmpty else { return nil }
        return Base64Text.decode(value.utf8)
    }

    /// `Client-Cert-Chain` (RFC 9440 section 2.3): the certificates after the first, as a list of byte sequences.
    package static func chain(in values: [String]) -> [[UInt8]]? {
        var chain: [[UInt8]] = []
        for value in values {
            guard value.utf8.count <= maximumSize else { return nil }
            for item in value.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                guard let der = byteSequence(trimmed(item)) else { return nil }
                chain.append(der)
            }
        }
        return chain
    }

    /// Whether nothing stands around the PEM: RFC 7468 section 5.2 allows any text there, and no proxy writes one.
    private static func isBare(_ text: String) -> Bool {
        var text = text.utf8[...]
        while let last = text.last, last == 0x0A || last == 0x0D || last == 0x20 { text = text.dropLast() }
        return text.starts(with: "-----BEGIN CERTIFICATE-----".utf8)
            && text.reversed().starts(with: "-----END CERTIFICATE-----".utf8.reversed())
    }

    private static func byteSequence(_ text: Substring.UTF8View) -> [UInt8]? {
        let colon = UInt8(ascii: ":")
        guard text.count > 2, text.first == colon, text.last == colon else { return nil }
        return Base64Text.decode(text.dropFirst().dropLast())
    }

    private static func trimmed(_ text: Substring.UTF8View) -> Substring.UTF8View {
        var text = text
        while let first = text.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
        while let last = text.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
        return text
    }

    /// Percent escapes undone; nil when one of them is not whole, or the result is not text.
    private static func unescaped(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(HexDigit.value), let low = rest.popFirst().flatMap(HexDigit.value)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
