import JOSE
package import Vault

/// The audit records of rotations, which nobody asked for by a request.
enum RotationAudit {
    static func event(
        _ name: AuditEvent.Name, _ decision: AuditEvent.Decision = .allow, of secret: VaultSecret,
        version: Int? = nil, after: JSONObject? = nil, reason: String? = nil, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: name, decision: decision)
        event.apiEndpoint = "rotation schedule"
        event.clientID = secret.client?.text
        event.target = "secret/\(secret.name)" + (version.map { "/versions/\($0)" } ?? "")
        event.after = after?.text
        event.policyEvaluation = .init(
            verdict: decision == .allow ? "permit" : "refuse", rule: "rotation", reason: reason
        )
        return event
    }

    /// The client's own trail says that its secret is another one now.
    static func event(ofClient id: ClientID, previousEnds: Timestamp?, at time: Timestamp) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .clientSecretRotated, decision: .allow)
        event.apiEndpoint = "rotation schedule"
        event.clientID = id.text
        event.target = "client/\(id)"
        event.after = (["previous_secret_expires_at": .time(previousEnds)] as JSONObject).text
        event.policyEvaluation = .init(verdict: "permit", rule: "rotation", reason: nil)
        return event
    }
}

extension AuditEvent.Name {
    /// Somebody asked for a rotation before its time.
    package static let rotationRequested = Self(rawValue: "secret.rotation_requested")
    /// A new version is made and sealed, and about to be announced.
    package static let rotationPrepared = Self(rawValue: "secret.rotation_prepared")
    /// A version that was made is not to become current: something else came in between.
    package static let rotationAbandoned = Self(rawValue: "secret.rotation_abandoned")
    /// A new version is current.
    package static let secretRotated = Self(rawValue: "secret.rotated")
    /// An alert: the secret keeps its old version until another attempt succeeds.
    package static let rotationFailed = Self(rawValue: "secret.rotation_failed")
}
