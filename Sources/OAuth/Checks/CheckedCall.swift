import Vault

/// What is known of a call while it is being checked, and how it reads in the audit trail: the same for allowed and
/// denied ones.
struct CheckedCall: Sendable {
    var gateway: Shared<Client>?
    var resource: Resource?
    var scopes = ScopeSet.empty
    /// A token of ours, live or not.
    var token: AccessToken?
    /// For the agent's next DPoP proof.
    var nonce: String?

    /// The record of an allowed call.
    func allowed(_ context: RequestContext, at time: Timestamp) -> AuditEvent {
        let evaluation = PolicyEvaluation(verdict: "permit", rule: "check", reason: token?.confirmation?.description)
        return event(.checkAllowed, .allow, context, evaluation, at: time)
    }

    /// The record of a denied call, or nil when it came from a stranger: strangers must not fill the disk.
    func denied(_ error: OAuthError, _ context: RequestContext, at time: Timestamp) -> AuditEvent? {
        guard token != nil || gateway != nil || error.provenClient != nil else { return nil }
        let reason = String((error.detail ?? error.description).prefix(256))
        var event = event(
            .checkDenied, .deny, context, .init(verdict: "refuse", rule: error.rule, reason: reason), at: time
        )
        event.clientID = event.clientID ?? error.provenClient?.id.text
        return event
    }

    private func event(
        _ name: AuditEvent.Name, _ decision: AuditEvent.Decision, _ context: RequestContext,
        _ evaluation: PolicyEvaluation, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: name, decision: decision)
        event.describe(context)
        if let token {
            event.describe(token)
        } else {
            event.clientID = gateway?.value.id.text
        }
        // What was asked about, which is not always what the token is for.
        if let resource { event.resource = resource.uri.text }
        event.mcpServer = resource?.kind == .mcp ? resource?.name : nil
        event.target = gateway.map { "gateway/\($0.value.id)" }
        event.policyEvaluation = evaluation
        return event
    }
}
