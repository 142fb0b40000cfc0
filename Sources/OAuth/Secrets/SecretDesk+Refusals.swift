import Vault

extension SecretDesk {
    /// Puts a refused call of somebody who has proved who they are into the trail.
    ///
    /// - Parameter target: what it was about, such as `secret/payments/stripe`; nil when the call names nothing.
    package func recordRefusal(
        _ rule: String, _ reason: String, of target: String?, by caller: Operator
    ) async throws {
        var event = AuditEvent(timestamp: now().milliseconds, name: .secretRefused, decision: .deny)
        event.describe(caller.context)
        event.describe(holder(of: caller.token))
        event.target = target
        event.policyEvaluation = .init(verdict: "refuse", rule: rule, reason: reason)
        try await ledger.commit(Entry(audit: [event]))
    }
}
