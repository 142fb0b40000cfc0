import Vault

extension AuditEvent {
    /// The canonical bytes of `full` as record 2.
    static let fullText =
        #"{"seq":2,"timestamp":"2026-03-01T09:30:00.250Z","event":"token.exchanged","decision":"allow","#
        + #""client_id":"agent-b","agent_id":"agent-b/1","delegating_user":"corp|alice","delegation_id":"dlg-1","#
        + #""session_id":"s-1","task_id":"t-1","jti":"j-2","parent_jti":"j-1","resource":"https://mcp.example/","#
        + #""api_endpoint":"/token","mcp_server":"mcp.example","scope_granted":"files:read files:list","#
        + #""token_ttl":300,"request_context":"quarter \"Q1\" report","policy_evaluation":{"verdict":"permit","#
        + #""rule":"delegation","reason":"covers all"},"request_id":"r-1","#
        + #""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","target":"client/agent-b","#
        + #""before":{"enabled":true,"scopes":["a"]},"after":"not JSON"}"#

    /// An event with every member that there was at first; what came later must not change its bytes.
    static var full: AuditEvent {
        var event = AuditEvent(timestamp: 1_772_357_400_250, name: .tokenExchanged, decision: .allow)
        event.clientID = "agent-b"
        event.agentID = "agent-b/1"
        event.delegatingUser = "corp|alice"
        event.delegationID = "dlg-1"
        event.sessionID = "s-1"
        event.taskID = "t-1"
        event.jti = "j-2"
        event.parentJTI = "j-1"
        event.resource = "https://mcp.example/"
        event.apiEndpoint = "/token"
        event.mcpServer = "mcp.example"
        event.scopeGranted = "files:read files:list"
        event.tokenTTL = 300
        event.requestContext = #"quarter "Q1" report"#
        event.policyEvaluation = PolicyEvaluation(verdict: "permit", rule: "delegation", reason: "covers all")
        event.requestID = "r-1"
        event.traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
        event.target = "client/agent-b"
        event.before = #"{"enabled":true,"scopes":["a"]}"#
        event.after = "not JSON"
        return event
    }

    /// The same with what a token carries beside its scopes.
    static var detailed: AuditEvent {
        var event = full
        event.authorizationDetails = #"[{"type":"payment","amount":10}]"#
        return event
    }

    /// The canonical bytes of `bare` as record 1.
    static let bareText =
        #"{"seq":1,"timestamp":"1970-01-01T00:00:00.000Z","event":"token.refused","decision":"deny"}"#

    /// An event with no optional member.
    static var bare: AuditEvent {
        AuditEvent(timestamp: 0, name: .tokenRefused, decision: .deny)
    }

    static func issued(_ jti: String) -> AuditEvent {
        var event = AuditEvent(timestamp: 1_772_357_400_250, name: .tokenIssued, decision: .allow)
        event.clientID = "agent-a"
        event.jti = jti
        return event
    }
}

/// A trail of `count` records, and its head.
func trail(_ count: Int, from start: AuditHead = .genesis) -> (records: [AuditRecord], head: AuditHead) {
    var chain = AuditChain(head: start)
    let records = (0..<count).map { chain.append(.issued("jti-\($0)")) }
    return (records, chain.head)
}

extension AuditRecord {
    /// The record as somebody leaves it who changes its event and not its hash, or `rehashed`, its own hash too.
    func altered(rehashed: Bool = false) -> AuditRecord {
        var event = event
        event.clientID = "mallory"
        let hash =
            rehashed
            ? AuditRecord.hash(sequence: sequence, event: event, previous: previousHash)
            : self.hash
        return AuditRecord(sequence: sequence, event: event, previousHash: previousHash, hash: hash)
    }
}
