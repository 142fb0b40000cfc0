import GRDB
package import OAuth
package import Vault

extension SQLiteStore {
    package func auditHead() async throws -> (head: AuditHead, code: [UInt8])? {
        try await pool.read { try AuditHeadRecord.read(in: $0) }
    }

    package func archiveCheckpoints() async throws -> [String] {
        try await pool.read { try AuditArchiveRecord.all(in: $0).map(\.checkpoint) }
    }

    package func auditExtent() async throws -> AuditExtent {
        try await pool.read { database in
            // What is archived but not yet removed does not count twice.
            let archived = try AuditArchiveRecord.lastSequence(in: database)
            let first = try database.first(
                "SELECT seq, timestamp FROM audit WHERE seq > ? ORDER BY seq LIMIT 1", { $0.add(archived) },
                { (sequence: $0.integer(0), time: $0.time(1)) }
            )
            let last = try database.first(
                "SELECT max(seq) FROM audit WHERE seq > ?", { $0.add(archived) }, { $0.integer(0) })
            let pages = try database.first("PRAGMA page_count") { $0.integer(0) } ?? 0
            let pageSize = try database.first("PRAGMA page_size") { $0.integer(0) } ?? 0
            return AuditExtent(
                firstSequence: first?.sequence ?? 0, lastSequence: last ?? 0, firstTimestamp: first?.time,
                bytes: pages * pageSize
            )
        }
    }

    // MARK: Queries

    package func auditRecords(matching query: AuditQuery) async throws -> [AuditRecord] {
        guard query.limit > 0 else { return [] }
        // Read in one snapshot: no record is missed or taken twice while an archive is made.
        let (all, live) = try await pool.read { database in
            (try AuditArchiveRecord.all(in: database), try Self.live(query, in: database))
        }
        let wanted = all.filter { archive in
            archive.lastSequence > query.after
                && query.since.map { archive.latestTimestamp >= $0.milliseconds } ?? true
        }
        if wanted.isEmpty || (query.newest && live.count == query.limit) { return live }
        let archives = archives
        return try await Blocking.run {
            query.newest
                ? try Self.newest(query, in: wanted, archives, before: live)
                : try Self.oldest(query, in: wanted, archives, before: live)
        }
    }

    private static func oldest(
        _ query: AuditQuery, in segments: [AuditArchiveRecord], _ archives: AuditArchives, before live: [AuditRecord]
    ) throws -> [AuditRecord] {
        var found: [AuditRecord] = []
        for segment in segments {
            try archives.forEachRecord(in: segment, containing: query.marks) { record in
                if query.matches(record) { found.append(record) }
                return found.count < query.limit
            }
            if found.count == query.limit { return found }
        }
        return found + live.prefix(query.limit - found.count)
    }

    private static func newest(
        _ query: AuditQuery, in segments: [AuditArchiveRecord], _ archives: AuditArchives, before live: [AuditRecord]
    ) throws -> [AuditRecord] {
        var found = live
        for segment in segments.reversed() where found.count < query.limit {
            let room = query.limit - found.count
            var matching: [AuditRecord] = []
            try archives.forEachRecord(in: segment, containing: query.marks) { record in
                if query.matches(record) { matching.append(record) }
                // Twice the room, so that old ones are dropped seldom.
                if matching.count >= 2 * room { matching.removeFirst(matching.count - room) }
                return true
            }
            found = matching.suffix(room) + found
        }
        return found
    }

    /// What matches in the database, oldest first.
    private static func live(_ query: AuditQuery, in database: Database) throws -> [AuditRecord] {
        let archived = try AuditArchiveRecord.lastSequence(in: database)
        var conditions = ["audit.seq > ?"]
        var arguments = Arguments { $0.add(max(query.after, archived)) }
        func narrow(_ column: String, _ value: String?) {
            guard let value else { return }
            conditions.append("\(column) = ?")
            arguments.add(value)
        }
        narrow("client_id", query.clientID)
        narrow("delegating_user", query.subject)
        narrow("delegation_id", query.delegationID)
        narrow("task_id", query.taskID)
        narrow("jti", query.jti)
        narrow("target", query.target)
        // The condition of the index over targets, word for word: without it SQLite does not use the index.
        if let target = query.target, !target.utf8.starts(with: "secret/".utf8) {
            conditions.append("substr(target, 1, 7) <> 'secret/'")
        }
        if let decision = query.decision {
            conditions.append("allowed = ?")
            arguments.add(decision == .allow)
        }
        if let since = query.since {
            conditions.append("timestamp >= ?")
            arguments.add(since)
        }
        arguments.add(query.limit)
        let sql = """
            \(AuditRecordRow.select) WHERE \(conditions.joined(separator: " AND "))
            ORDER BY audit.seq \(query.newest ? "DESC" : "ASC") LIMIT ?
            """
        var records: [AuditRecord] = []
        try database.cachedStatement(sql: sql).forEachRow(arguments) { records.append(AuditRecordRow.read($0)) }
        return query.newest ? records.reversed() : records
    }

    // MARK: The whole trail

    /// Records that one read holds in memory at most. No read lasts long: the log of changes could not be emptied.
    private static let chunk = 500

    private enum Piece: Sendable {
        case archive(AuditArchiveRecord)
        case records([AuditRecord])
    }

    package func forEachAuditRecord(
        from sequence: Int64, _ body: @escaping @Sendable (AuditRecord) throws -> Void
    ) async throws {
        var next = max(sequence, 1)
        while true {
            try Task.checkCancellation()
            switch try await piece(from: next) {
            case .archive(let segment):
                let start = next
                let archives = archives
                try await Blocking.run {
                    try archives.forEachRecord(in: segment) { record in
                        if record.sequence >= start { try body(record) }
                        return true
                    }
                }
                next = segment.lastSequence + 1
            case .records(let records):
                guard let last = records.last else { return }
                for record in records { try body(record) }
                next = last.sequence + 1
            }
        }
    }

    /// What comes next is looked up anew each time: rows may move to an archive meanwhile.
    private func piece(from sequence: Int64) async throws -> Piece {
        try await pool.read { database in
            if let segment = try AuditArchiveRecord.holding(sequence, in: database) { return .archive(segment) }
            return .records(try Self.records(from: sequence, limit: Self.chunk, in: database))
        }
    }

    static func records(
        from first: Int64, to last: Int64 = .max, limit: Int, in database: Database
    ) throws -> [AuditRecord] {
        try database.all(
            "\(AuditRecordRow.select) WHERE audit.seq BETWEEN ? AND ? ORDER BY audit.seq LIMIT ?",
            { row in
                row.add(first)
                row.add(last)
                row.add(limit)
            },
            AuditRecordRow.read
        )
    }
}
