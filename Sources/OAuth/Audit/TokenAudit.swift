import JOSE
import Vault

/// The audit records of the OAuth endpoints: allowed and refused in the same shape.
enum TokenAudit {
    /// - Parameters:
    ///   - secret: what was released under the token's claims instead of a token.
    ///   - evidence: what a platform said of whoever asked.
    static func issued(
        _ token: AccessToken, permit: Permit, secret: SecretName?, evidence: String?, request: ClientRequest,
        at time: Timestamp
    ) -> AuditEvent {
        let authorization = permit.authorization
        var event = AuditEvent(
            timestamp: time.milliseconds,
            name: authorization.grant == .tokenExchange ? .tokenExchanged : .tokenIssued, decision: .allow
        )
        event.describe(request.context)
        event.describe(token)
        if !token.authorizationDetails.isEmpty { event.authorizationDetails = token.authorizationDetails.text }
        event.parentJTI = authorization.subjectToken?.jti
        event.mcpServer = authorization.target.kind == .mcp ? authorization.target.name : nil
        event.tokenTTL = Int(clamping: token.expiresAt - token.identity.issuedAt)
        event.requestContext = authorization.reason
        event.policyEvaluation = .init(
            verdict: "permit", rule: permit.rule, reason: token.confirmation?.description
        )
        if let secret { event.target = "secret/\(secret)" }
        event.note(evidence)
        return event
    }

    static func refused(
        _ refusal: OAuthError, request: ClientRequest, client: Client, presented: Authorization?, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .tokenRefused, decision: .deny)
        event.describe(request.context)
        event.clientID = client.id.text
        event.agentID = presented?.agentInstance?.text ?? (client.kind == .agent ? client.id.text : nil)
        event.resource = presented?.target.uri.text ?? bounded(request.parameters.all(.resource).first, 512)
        event.requestContext = presented?.reason
        if let presented {
            event.delegatingUser = UserSubject(claim: presented.subject)?.claim
            event.delegationID = presented.delegation?.id.text
            event.taskID = presented.task?.text
            event.sessionID = presented.session?.text
            event.parentJTI = presented.subjectToken?.jti
            event.mcpServer = presented.target.kind == .mcp ? presented.target.name : nil
        }
        event.policyEvaluation = .init(
            verdict: "refuse", rule: refusal.rule, reason: bounded(refusal.detail ?? refusal.description, 256)
        )
        return event
    }

    static func delegationMade(
        _ delegation: Delegation, client: Client, request: ClientRequest, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .delegationCreated, decision: .allow)
        event.describe(request.context)
        event.clientID = client.id.text
        event.delegatingUser = delegation.subject.claim
        event.delegationID = delegation.id.text
        event.target = "delegation/\(delegation.id)"
        event.after = delegation.document(at: time).text
        event.policyEvaluation = .init(verdict: "permit", rule: delegation.ruleID?.text ?? "", reason: nil)
        return event
    }

    /// A decision about a token that somebody presented at another endpoint.
    static func decided(
        _ name: AuditEvent.Name, _ decision: AuditEvent.Decision, token: AccessToken, by client: Client,
        context: RequestContext, rule: String, reason: String? = nil, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: name, decision: decision)
        event.describe(context)
        event.describe(token)
        event.clientID = client.id.text
        event.agentID = client.kind == .agent ? client.id.text : nil
        event.target = "token/\(token.identity.jti)"
        event.policyEvaluation = .init(
            verdict: decision == .allow ? "permit" : "refuse", rule: rule, reason: reason
        )
        return event
    }

    private static func bounded(_ text: String?, _ limit: Int) -> String? {
        guard let text else { return nil }
        return text.isPrintable ? String(text.prefix(limit)) : nil
    }
}

extension AuditEvent {
    mutating func describe(_ context: RequestContext) {
        apiEndpoint = context.endpoint
        requestID = context.requestID
        traceID = context.traceID
    }

    mutating func describe(_ token: AccessToken) {
        let identity = token.identity
        clientID = identity.clientID.text
        agentID = identity.agentID
        delegatingUser = identity.delegationID == nil ? nil : identity.subject
        delegationID = identity.delegationID?.text
        sessionID = identity.session?.text
        taskID = identity.task?.text
        jti = identity.jti
        resource = token.audience.text
        scopeGranted = token.scopes.description
    }
}
