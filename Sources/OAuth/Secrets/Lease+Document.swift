package import JOSE

extension Lease {
    /// What the API shows to those who manage secrets: who holds what, for whom, until when.
    package var document: JSONObject {
        [
            "lease_id": .string(id.text), "secret": .string(secret.text), "version": .integer(Int64(version)),
            "rule_id": .string(rule.text), "client_id": .string(identity.clientID.text),
            "agent_id": .text(identity.agentID), "subject": .string(identity.subject),
            "delegation_id": .text(identity.delegationID?.text), "task_id": .text(identity.task?.text),
            "session_id": .text(identity.session?.text), "jti": .string(identity.jti),
            "issued_at": .time(issuedAt), "expires_at": .time(expiresAt),
        ]
    }
}
