import Vault

/// Who calls the admin API: the holder of a live token for it. Travels as an argument into everything that decides.
package struct Operator: Sendable {
    package let token: AccessToken
    package let context: RequestContext

    package init(token: AccessToken, context: RequestContext) {
        self.token = token
        self.context = context
    }

    /// - Throws: `insufficient_scope` when the token lacks it.
    package func require(_ scope: String) throws(OAuthError) {
        guard token.scopes.contains(scope) else {
            throw OAuthError(.insufficientScope, "the token lacks the scope \(scope)", detail: scope, rule: scope)
        }
    }

    /// An audit record that says that this operator did something.
    func event(
        _ name: AuditEvent.Name, _ decision: AuditEvent.Decision = .allow, target: String? = nil, rule: String,
        reason: String? = nil, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: name, decision: decision)
        event.describe(context)
        event.clientID = token.clientID.text
        event.agentID = token.identity.agentID
        event.delegatingUser = token.identity.delegationID == nil ? nil : token.identity.subject
        event.delegationID = token.identity.delegationID?.text
        event.sessionID = token.identity.session?.text
        event.taskID = token.identity.task?.text
        event.parentJTI = token.identity.jti
        event.target = target
        event.policyEvaluation = .init(
            verdict: decision == .allow ? "permit" : "refuse", rule: rule, reason: reason
        )
        return event
    }
}
