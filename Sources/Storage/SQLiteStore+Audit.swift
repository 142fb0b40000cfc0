import Foundation
import GRDB
package import OAuth
package import Vault

extension SQLiteStore {
    package func auditHead() async throws -> (head: AuditHead, code: [UInt8])? {
        try await pool.read { try Self.head(in: $0) }
    }

    static func head(in database: Database) throws -> (head: AuditHead, code: [UInt8])? {
        guard let row = try Row.fetchOne(database, sql: "SELECT seq, hash, code FROM audit_head") else { return nil }
        return (AuditHead(sequence: row[0], hash: [UInt8](row[1] as Data)), [UInt8](row[2] as Data))
    }

    package func auditExtent() async throws -> AuditExtent {
        try await pool.read { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT (SELECT min(seq) FROM audit), (SELECT max(seq) FROM audit), (SELECT timestamp FROM audit ORDER BY seq LIMIT 1)"
            )
            let pages = try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            let size = try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 0
            return AuditExtent(
                firstSequence: row?[0] ?? 0, lastSequence: row?[1] ?? 0,
                firstTimestamp: (row?[2] as Int64?).map { Timestamp(milliseconds: $0) }, bytes: pages * size
            )
        }
    }

    package func auditRecords(matching query: AuditQuery) async throws -> [AuditRecord] {
        var archived: [AuditRecord] = []
        let segments = try await archiveSegments().filter { segment in
            segment.lastSequence > query.after && query.since.map { segment.lastTimestamp >= $0.milliseconds } ?? true
        }
        for segment in segments where query.newest || archived.count < query.limit {
            try archives.forEachRecord(in: segment) { record in
                guard query.matches(record), query.newest || archived.count < query.limit else { return }
                archived.append(record)
            }
        }
        let live = try await pool.read { try Self.live($0, matching: query) }
        let all = archived + live
        return query.newest ? Array(all.suffix(query.limit)) : Array(all.prefix(query.limit))
    }

    private static func live(_ database: Database, matching query: AuditQuery) throws -> [AuditRecord] {
        var conditions = ["seq > ?"]
        var arguments: StatementArguments = [query.after]
        func add(_ column: String, _ value: (any DatabaseValueConvertible)?, _ comparison: String = "=") {
            guard let value else { return }
            conditions.append("\(column) \(comparison) ?")
            arguments += [value]
        }
        add("client_id", query.clientID)
        add("delegating_user", query.subject)
        add("delegation_id", query.delegationID)
        add("task_id", query.taskID)
        add("jti", query.jti)
        add("target", query.target)
        add("allowed", query.decision.map { $0 == .allow })
        add("timestamp", query.since?.milliseconds, ">=")
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT \(AuditTable.list), coalesce((SELECT hash FROM audit AS before WHERE before.seq = audit.seq - 1), \
                (SELECT last_hash FROM audit_archives WHERE last_seq = audit.seq - 1), zeroblob(32))
                FROM audit WHERE \(conditions.joined(separator: " AND "))
                ORDER BY seq \(query.newest ? "DESC" : "ASC") LIMIT ?
                """,
            arguments: arguments + [query.limit]
        )
        let records = rows.map { row in
            AuditTable.record(row, previous: [UInt8](row[AuditTable.columns.count] as Data))
        }
        return query.newest ? records.reversed() : records
    }

    package func forEachAuditRecord(
        from sequence: Int64, _ body: @escaping @Sendable (AuditRecord) throws -> Void
    ) async throws {
        let segments = try await archiveSegments()
        for segment in segments where segment.lastSequence >= sequence {
            try archives.forEachRecord(in: segment) { if $0.sequence >= sequence { try body($0) } }
        }
        let start = segments.last
        try await pool.read { database in
            // The record before the first wanted one is read too, for its hash.
            let rows = try Row.fetchCursor(
                database, sql: "SELECT \(AuditTable.list) FROM audit WHERE seq >= ? AND seq > ? ORDER BY seq",
                arguments: [sequence - 1, start?.lastSequence ?? 0]
            )
            var previous = start?.lastHash ?? AuditHead.genesis.hash
            while let row = try rows.next() {
                let record = AuditTable.record(row, previous: previous)
                previous = record.hash
                if record.sequence >= sequence { try body(record) }
            }
        }
    }

    // MARK: Archives

    package func archiveCheckpoints() async throws -> [String] { try await archiveSegments().map(\.checkpoint) }

    func archiveSegments() async throws -> [AuditArchives.Segment] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT first_seq, last_seq, last_hash, last_timestamp, file, checkpoint FROM audit_archives ORDER BY first_seq"
            ).map { row in
                AuditArchives.Segment(
                    firstSequence: row[0], lastSequence: row[1], lastHash: [UInt8](row[2] as Data), lastTimestamp: row[3],
                    file: row[4], checkpoint: row[5]
                )
            }
        }
    }

    package func archiveAudit(upTo sequence: Int64, checkpoint: String) async throws {
        let previous = try await archiveSegments().last
        let records = try await pool.read { database in
            var previousHash = previous?.lastHash ?? AuditHead.genesis.hash
            return try Row.fetchCursor(
                database, sql: "SELECT \(AuditTable.list) FROM audit WHERE seq <= ? AND seq > ? ORDER BY seq",
                arguments: [sequence, previous?.lastSequence ?? 0]
            ).mapToArray { row in
                let record = AuditTable.record(row, previous: previousHash)
                previousHash = record.hash
                return record
            }
        }
        guard let first = records.first, let last = records.last, last.sequence == sequence else { return }
        let file = try archives.write(records, checkpoint: checkpoint)
        try await pool.write { database in
            try database.execute(
                sql: """
                    INSERT INTO audit_archives
                    (first_seq, last_seq, first_previous_hash, last_hash, last_timestamp, file, checkpoint, created_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    first.sequence, last.sequence, first.previousHash.databaseBlob, last.hash.databaseBlob,
                    last.event.timestamp, file, checkpoint, Int64(Date().timeIntervalSince1970 * 1000),
                ]
            )
        }
        try await finishArchiving()
    }

    /// Removes the rows that a recorded archive holds, a few at a time, so that no commit waits long. Also after a
    /// crash in the middle of it.
    func finishArchiving() async throws {
        try archives.removeUnfinished()
        guard let last = try await archiveSegments().last?.lastSequence else { return }
        while true {
            let removed = try await pool.write { database in
                try database.execute(
                    sql: "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE seq <= ? ORDER BY seq LIMIT 2000)",
                    arguments: [last]
                )
                return database.changesCount
            }
            if removed == 0 { return }
        }
    }
}

extension AuditQuery {
    func matches(_ record: AuditRecord) -> Bool {
        let event = record.event
        func agrees<Value: Equatable>(_ wanted: Value?, _ found: Value?) -> Bool { wanted == nil || wanted == found }
        return record.sequence > after && agrees(clientID, event.clientID) && agrees(subject, event.delegatingUser)
            && agrees(delegationID, event.delegationID) && agrees(taskID, event.taskID) && agrees(jti, event.jti)
            && agrees(target, event.target) && agrees(decision, event.decision)
            && (since.map { event.timestamp >= $0.milliseconds } ?? true)
    }
}
