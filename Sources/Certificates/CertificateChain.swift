/// A certificate as a peer presents it: its own first, then those that lead towards an authority, in any order.
package struct CertificateChain: Sendable {
    package let leaf: ParsedCertificate
    package let intermediates: [ParsedCertificate]

    /// Finding a path through n certificates that all sign each other costs n! signatures, and a stranger sends them.
    package static let maximumIntermediates = 4

    /// - Throws: `CertificateFault` when one of them cannot be read, or when there are too many.
    package init(leaf: [UInt8], intermediates: [[UInt8]] = []) throws(CertificateFault) {
        guard intermediates.count <= Self.maximumIntermediates else { throw .tooMany }
        self.leaf = try ParsedCertificate(der: leaf)
        var others: [ParsedCertificate] = []
        for der in intermediates { others.append(try ParsedCertificate(der: der)) }
        self.intermediates = others
    }
}
