package import Vault

extension AuditEvent.Name {
    /// An operator brought a key of his own.
    package static let keyImported = Self(rawValue: "key.imported")
    /// A key signs nothing any more, and its private half is gone.
    package static let keyErased = Self(rawValue: "key.erased")
}

extension AuditEvent {
    /// What the server did by itself to a signing key.
    static func signingKey(_ name: Name, _ key: StoredSigningKey, rule: String, at now: Timestamp) -> AuditEvent {
        var event = AuditEvent(timestamp: now.milliseconds, name: name, decision: .allow)
        event.apiEndpoint = "key rotation"
        event.target = "key/\(key.keyID)"
        event.policyEvaluation = .init(verdict: "permit", rule: rule, reason: nil)
        return event
    }
}
