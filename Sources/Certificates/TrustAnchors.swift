internal import SwiftASN1
internal import X509

/// The certificate authorities of one operator or one trust domain. It alone tells whether a chain leads to them: the
/// certificates of the system are never asked.
package struct TrustAnchors: Sendable {
    private let store: CertificateStore
    private let authorities: [ParsedCertificate]

    /// No authority: nothing is trusted.
    package static let none = TrustAnchors([])

    /// - Throws: `CertificateFault` when one of them cannot be read.
    package init(der authorities: [[UInt8]]) throws(CertificateFault) {
        var parsed: [ParsedCertificate] = []
        for der in authorities { parsed.append(try ParsedCertificate(der: der)) }
        self.init(parsed)
    }

    package init(_ authorities: [ParsedCertificate]) {
        self.authorities = authorities
        store = CertificateStore(authorities.map(\.certificate))
    }

    package var isEmpty: Bool { authorities.isEmpty }

    /// Looks for a path from the chain's own certificate to one of the authorities (RFC 5280 section 6): signatures,
    /// times, basic and name constraints, and that each certificate of the path is for this purpose.
    ///
    /// - Parameter time: seconds since 1970.
    /// - Returns: the time, in seconds since 1970, at which the first certificate of the path ends.
    /// - Throws: `UntrustedChain` with the reason, for the log.
    package func verify(_ chain: CertificateChain, at time: Int64) async throws(UntrustedChain) -> Int64 {
        guard !authorities.isEmpty else { throw UntrustedChain("no certificate authority is configured") }
        guard chain.leaf.mayAuthenticateClients else {
            throw UntrustedChain("its extended key usage does not allow client authentication")
        }
        var verifier = Verifier(rootCertificates: store) {
            RFC5280Policy()
            PurposeHandled()
        }
        let result = await verifier.validate(
            leaf: chain.leaf.certificate,
            intermediates: CertificateStore(chain.intermediates.map(\.certificate))
        )
        switch result {
        case .validCertificate(let path):
            var end = Int64.max
            for certificate in path {
                guard let known = parsed(certificate, chain), known.isValid(at: time) else {
                    throw UntrustedChain("a certificate of the path is not valid at this time")
                }
                let isLeaf = certificate == chain.leaf.certificate
                guard known.mayAuthenticateClients, isLeaf || known.maySignCertificates else {
                    throw UntrustedChain("an authority of the path is not for this purpose")
                }
                end = min(end, known.notAfter)
            }
            return end
        case .couldNotValidate(let failures):
            throw UntrustedChain(
                failures.first.map { $0.policyFailureReason.description } ?? "no path to a configured authority"
            )
        }
    }

    private func parsed(_ certificate: Certificate, _ chain: CertificateChain) -> ParsedCertificate? {
        if chain.leaf.certificate == certificate { return chain.leaf }
        return chain.intermediates.first { $0.certificate == certificate }
            ?? authorities.first { $0.certificate == certificate }
    }
}

/// No path leads from a certificate to an authority that is trusted. The reason is for logs, not for the peer.
package struct UntrustedChain: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Says that critical extended key usage and subject alternative names were looked at: `TrustAnchors` does the one,
/// whoever compares names the other.
private struct PurposeHandled: VerifierPolicy {
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName,
    ]

    func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) -> PolicyEvaluationResult { .meetsPolicy }
}
