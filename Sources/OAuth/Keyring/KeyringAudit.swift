package import Vault

extension AuditEvent.Name {
    /// A new term seals from now on.
    package static let vaultRotated = Self(rawValue: "vault.rotated")
    /// Another root key or passphrase opens the vault from now on.
    package static let vaultRekeyed = Self(rawValue: "vault.rekeyed")
    /// Nothing is sealed under an old term any more, and it is gone.
    package static let termRemoved = Self(rawValue: "vault.term_removed")
}

extension AuditEvent {
    /// What the server did by itself to the keyring.
    static func keyring(_ name: Name, target: String, rule: String, at now: Timestamp) -> AuditEvent {
        var event = AuditEvent(timestamp: now.milliseconds, name: name, decision: .allow)
        event.apiEndpoint = "re-sealing"
        event.target = target
        event.policyEvaluation = .init(verdict: "permit", rule: rule, reason: nil)
        return event
    }
}
