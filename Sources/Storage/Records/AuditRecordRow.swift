import GRDB
import OAuth
import Vault

/// `audit`: one record a row. The hash before is that of the row before, or of the archive that ends there.
enum AuditRecordRow {
    private static let columns = """
        seq, timestamp, event, allowed, client_id, agent_id, delegating_user, delegation_id, session_id, task_id, jti, \
        parent_jti, resource, api_endpoint, mcp_server, scope_granted, token_ttl, request_context, verdict, rule, \
        rule_reason, request_id, trace_id, target, before, after, authorization_details, hash
        """

    /// The columns, and last the hash before, which no row holds twice.
    static let select = """
        SELECT \(columns), coalesce(
            (SELECT preceding.hash FROM audit AS preceding WHERE preceding.seq = audit.seq - 1),
            (SELECT last_hash FROM audit_archives WHERE last_seq = audit.seq - 1)
        ) FROM audit
        """

    static let insert = """
        INSERT INTO audit (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
        ?, ?, ?, ?)
        """

    /// - Parameter head: of the trail that ends with the event.
    static func write(_ event: AuditEvent, at head: AuditHead, to row: inout Arguments) {
        row.add(head.sequence)
        row.add(event.timestamp)
        row.add(event.name.rawValue)
        row.add(event.decision == .allow)
        row.add(event.clientID)
        row.add(event.agentID)
        row.add(event.delegatingUser)
        row.add(event.delegationID)
        row.add(event.sessionID)
        row.add(event.taskID)
        row.add(event.jti)
        row.add(event.parentJTI)
        row.add(event.resource)
        row.add(event.apiEndpoint)
        row.add(event.mcpServer)
        row.add(event.scopeGranted)
        row.add(event.tokenTTL)
        row.add(event.requestContext)
        row.add(event.policyEvaluation?.verdict)
        row.add(event.policyEvaluation?.rule)
        row.add(event.policyEvaluation?.reason)
        row.add(event.requestID)
        row.add(event.traceID)
        row.add(event.target)
        row.add(event.before)
        row.add(event.after)
        row.add(event.authorizationDetails)
        row.add(head.hash)
    }

    /// Reads a row of `select`. What was altered reads as it is: the verifier finds it.
    static func read(_ row: RowReader) -> AuditRecord {
        var event = AuditEvent(
            timestamp: row.integer(1), name: AuditEvent.Name(rawValue: row.text(2)),
            decision: row.flag(3) ? .allow : .deny
        )
        event.clientID = row.optionalText(4)
        event.agentID = row.optionalText(5)
        event.delegatingUser = row.optionalText(6)
        event.delegationID = row.optionalText(7)
        event.sessionID = row.optionalText(8)
        event.taskID = row.optionalText(9)
        event.jti = row.optionalText(10)
        event.parentJTI = row.optionalText(11)
        event.resource = row.optionalText(12)
        event.apiEndpoint = row.optionalText(13)
        event.mcpServer = row.optionalText(14)
        event.scopeGranted = row.optionalText(15)
        event.tokenTTL = row.optionalNumber(16)
        event.requestContext = row.optionalText(17)
        if let verdict = row.optionalText(18) {
            event.policyEvaluation = PolicyEvaluation(
                verdict: verdict, rule: row.text(19), reason: row.optionalText(20)
            )
        }
        event.requestID = row.optionalText(21)
        event.traceID = row.optionalText(22)
        event.target = row.optionalText(23)
        event.before = row.optionalText(24)
        event.after = row.optionalText(25)
        event.authorizationDetails = row.optionalText(26)
        let previous = row.blob(28)
        return AuditRecord(
            sequence: row.integer(0), event: event, previousHash: previous.isEmpty ? AuditHead.genesis.hash : previous,
            hash: row.blob(27)
        )
    }
}
