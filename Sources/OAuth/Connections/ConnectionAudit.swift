import JOSE
package import Vault

extension AuditEvent.Name {
    package static let connectionStarted = Self(rawValue: "connection.started")
    /// The provider's answer came back with the browser.
    package static let connectionAnswered = Self(rawValue: "connection.answered")
    /// The provider's answer was of no use, or not the provider's.
    package static let connectionRefused = Self(rawValue: "connection.refused")
    package static let connectionFinished = Self(rawValue: "connection.finished")
    package static let connectionCancelled = Self(rawValue: "connection.cancelled")
    package static let connectionRefreshed = Self(rawValue: "connection.refreshed")
    package static let connectionRefreshFailed = Self(rawValue: "connection.refresh_failed")
    /// A person has to connect the account again.
    package static let connectionBroken = Self(rawValue: "connection.broken")
    package static let connectionDisconnected = Self(rawValue: "connection.disconnected")
}

extension Connection {
    /// What happened to the connection by itself, or by a browser that nobody has authenticated.
    func event(
        _ name: AuditEvent.Name, _ decision: AuditEvent.Decision = .allow, reason: String?, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: name, decision: decision)
        event.target = "secret/\(secret)"
        event.after = summary(severity: name == .connectionBroken ? "alert" : nil).text
        event.policyEvaluation = .init(
            verdict: decision == .allow ? "permit" : "refuse", rule: "connection", reason: reason)
        return event
    }

    /// The same, done by somebody.
    func event(
        _ name: AuditEvent.Name, _ decision: AuditEvent.Decision = .allow, by caller: Operator, reason: String? = nil,
        at time: Timestamp
    ) -> AuditEvent {
        var event = caller.event(
            name, decision, target: "secret/\(secret)", rule: SecretDesk.writeScope, reason: reason, at: time)
        event.after = summary(severity: nil).text
        return event
    }

    private func summary(severity: String?) -> JSONObject {
        var summary: JSONObject = [
            "connection_id": .string(id.text), "status": .string(status.rawValue),
            "token_endpoint": .string(provider.tokenEndpoint), "provider_client_id": .string(provider.clientID),
        ]
        summary["severity"] = severity.map(JSON.string)
        summary["owner"] = owner.map(JSON.string)
        summary["account"] = account.map(JSON.string)
        summary["connected_by"] = connectedBy.map { .string($0.text) }
        summary["version"] = token.map { .integer(Int64($0.version)) }
        summary["expires_at"] = token?.expiresAt.map { .string(RFC3339.text($0)) }
        return summary
    }
}
