package import Vault

extension AuditEvent.Name {
    package static let vaultSealed = Self(rawValue: "vault.sealed")
    package static let vaultUnsealed = Self(rawValue: "vault.unsealed")
}

extension Operator {
    /// That this operator sealed the server.
    package func sealedVault(at now: Timestamp) -> AuditEvent {
        event(.vaultSealed, target: "vault", rule: "vault:manage", at: now)
    }
}

extension AuditEvent {
    /// That the server was unsealed: by an operator, or by whoever knew the passphrase.
    ///
    /// - Parameter reason: how many had tried before without success.
    package static func unsealed(
        by caller: Operator?, in context: RequestContext, reason: String?, at now: Timestamp
    ) -> AuditEvent {
        if let caller {
            return caller.event(.vaultUnsealed, target: "vault", rule: "vault:manage", reason: reason, at: now)
        }
        var event = AuditEvent(timestamp: now.milliseconds, name: .vaultUnsealed, decision: .allow)
        event.describe(context)
        event.target = "vault"
        event.policyEvaluation = .init(verdict: "permit", rule: "passphrase", reason: reason)
        return event
    }
}
