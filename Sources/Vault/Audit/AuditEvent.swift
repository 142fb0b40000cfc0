/// What happened: one decision of Legate, allowed or denied, about a token or about the registry.
///
/// It says who asked, for whom, for what and why it was answered so. It never holds a token, a secret or a key: tokens
/// are named by their `jti`.
package struct AuditEvent: Sendable, Equatable {
    /// When it was decided, in milliseconds since 1970.
    package var timestamp: Int64
    /// What was asked.
    package var name: Name
    /// How it was answered.
    package var decision: Decision
    /// The client that asked (`client_id`).
    package var clientID: String?
    /// The instance of the agent that asked (`agent_id`).
    package var agentID: String?
    /// The user whom the agent acts for (`delegating_user`).
    package var delegatingUser: String?
    /// The delegation that was relied on (`delegation_id`).
    package var delegationID: String?
    /// The session that the request belongs to (`session_id`).
    package var sessionID: String?
    /// The task that the request belongs to (`task_id`).
    package var taskID: String?
    /// The token that was issued, refused or ended (RFC 7519, 4.1.7).
    package var jti: String?
    /// The token that this one was made from by exchange (`parent_jti`).
    package var parentJTI: String?
    /// The resource that the token is for (RFC 8707).
    package var resource: String?
    /// The endpoint that answered (`api_endpoint`), without a query.
    package var apiEndpoint: String?
    /// The MCP server that the token is for (`mcp_server`).
    package var mcpServer: String?
    /// The scope that was granted, as in the token (`scope_granted`).
    package var scopeGranted: String?
    /// The authorization details that were granted beside it, as JSON text: a list of objects (RFC 9396,
    /// `authorization_details`).
    package var authorizationDetails: String?
    /// How long the token lives, in seconds (`token_ttl`).
    package var tokenTTL: Int?
    /// Why it was asked, in the words of the one who asked (`request_context`).
    package var requestContext: String?
    /// Which rule decided, and how (`policy_evaluation`).
    package var policyEvaluation: PolicyEvaluation?
    /// The id of the HTTP request (`request_id`).
    package var requestID: String?
    /// The id of the distributed trace (`trace_id`).
    package var traceID: String?
    /// What of the registry was changed, as `kind/ID`.
    package var target: String?
    /// The target before the change, as JSON text without secrets.
    package var before: String?
    /// The target after the change, as JSON text without secrets.
    package var after: String?

    /// - Parameter timestamp: milliseconds since 1970.
    package init(timestamp: Int64, name: Name, decision: Decision) {
        self.timestamp = timestamp
        self.name = name
        self.decision = decision
    }

    /// How a request was answered.
    package enum Decision: String, Sendable, Equatable {
        case allow, deny
    }
}
