import Vault

extension AuditEvent {
    /// Bytes of what a record says of a workload.
    private static let longestEvidence = 600

    /// Adds to the record of an issued token what a platform said of its workload.
    mutating func note(_ evidence: String?) {
        guard let evidence else { return }
        let bounded = String(evidence.prefix(Self.longestEvidence))
        let reason = policyEvaluation?.reason.map { "\($0); \(bounded)" } ?? bounded
        policyEvaluation?.reason = reason
    }
}

extension TrustedIssuer {
    /// Why nobody of such an issuer can delegate.
    var hasNoUsers: String {
        "\(name) is a \(kind.rawValue) issuer: it has workloads and no users who could delegate"
    }
}
