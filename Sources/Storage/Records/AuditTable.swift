import Foundation
import GRDB
import OAuth
import Vault

/// `audit` and `audit_head`.
enum AuditTable {
    static let columns = [
        "seq", "timestamp", "event", "allowed", "client_id", "agent_id", "delegating_user", "delegation_id",
        "session_id", "task_id", "jti", "parent_jti", "resource", "api_endpoint", "mcp_server", "scope_granted",
        "token_ttl", "request_context", "verdict", "rule", "rule_reason", "request_id", "trace_id", "target", "before",
        "after", "hash",
    ]
    static let list = columns.joined(separator: ", ")

    /// One prepared statement for all records of a batch.
    struct Writer {
        private let statement: Statement

        init(_ database: Database) throws {
            let marks = columns.map { _ in "?" }.joined(separator: ", ")
            statement = try database.cachedStatement(sql: "INSERT INTO audit (\(list)) VALUES (\(marks))")
        }

        func insert(_ record: AuditRecord) throws {
            let event = record.event
            try statement.execute(arguments: [
                record.sequence, event.timestamp, event.name.rawValue, event.decision == .allow, event.clientID,
                event.agentID, event.delegatingUser, event.delegationID, event.sessionID, event.taskID, event.jti,
                event.parentJTI, event.resource, event.apiEndpoint, event.mcpServer, event.scopeGranted, event.tokenTTL,
                event.requestContext, event.policyEvaluation?.verdict, event.policyEvaluation?.rule,
                event.policyEvaluation?.reason, event.requestID, event.traceID, event.target, event.before, event.after,
                record.hash.databaseBlob,
            ])
        }
    }

    /// - Parameter previous: the hash of the record before, which no row holds twice.
    static func record(_ row: Row, previous: [UInt8]) -> AuditRecord {
        var event = AuditEvent(
            timestamp: row[1], name: AuditEvent.Name(rawValue: row[2]), decision: (row[3] as Bool) ? .allow : .deny
        )
        event.clientID = row[4]
        event.agentID = row[5]
        event.delegatingUser = row[6]
        event.delegationID = row[7]
        event.sessionID = row[8]
        event.taskID = row[9]
        event.jti = row[10]
        event.parentJTI = row[11]
        event.resource = row[12]
        event.apiEndpoint = row[13]
        event.mcpServer = row[14]
        event.scopeGranted = row[15]
        event.tokenTTL = row[16]
        event.requestContext = row[17]
        if let verdict = row[18] as String?, let rule = row[19] as String? {
            event.policyEvaluation = .init(verdict: verdict, rule: rule, reason: row[20])
        }
        event.requestID = row[21]
        event.traceID = row[22]
        event.target = row[23]
        event.before = row[24]
        event.after = row[25]
        return AuditRecord(
            sequence: row[0], event: event, previousHash: previous, hash: [UInt8](row[26] as Data)
        )
    }

    static func write(_ head: AuditHead, code: [UInt8], to database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO audit_head (one, seq, hash, code) VALUES (1, ?, ?, ?)
                ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, code = excluded.code
                """
        ).execute(arguments: [head.sequence, head.hash.databaseBlob, code.databaseBlob])
    }
}
