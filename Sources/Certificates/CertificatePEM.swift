internal import SwiftASN1

/// Reads certificates as files and headers carry them.
package enum CertificatePEM {
    /// The certificates of a PEM text, in its order (RFC 7468 section 5). Other documents in it are passed over.
    ///
    /// - Throws: `CertificateFault.malformed` when the text is not PEM.
    package static func certificates(in text: String) throws(CertificateFault) -> [[UInt8]] {
        do {
            return try PEMDocument.parseMultiple(pemString: text)
                .filter { $0.discriminator == "CERTIFICATE" }.map(\.derBytes)
        } catch {
            throw .malformed
        }
    }
}
