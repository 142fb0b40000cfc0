import GRDB
import OAuth
import Revocations

/// `leases` and `lease_sweep`.
enum LeaseRecord {
    private static let columns =
        "lease_id, secret, version, rule_id, issued_at, expires_at, ended_at, end_reason, jti, token_issued_at, "
        + TokenColumns.list
    private static let insert =
        "INSERT INTO leases (\(columns)) VALUES (\(Array(repeating: "?", count: 18).joined(separator: ", ")))"

    static func insert(_ lease: Lease, into database: Database) throws {
        try database.run(insert) { row in
            row.add(lease.id.text)
            row.add(lease.secret.text)
            row.add(lease.version)
            row.add(lease.rule.text)
            row.add(lease.issuedAt)
            row.add(lease.expiresAt)
            row.add(lease.endedAt)
            row.add(lease.endReason)
            row.add(lease.identity.jti)
            row.add(lease.identity.issuedAt)
            TokenColumns.write(lease.identity, to: &row)
        }
    }

    static func end(_ id: LeaseID, at time: Timestamp, reason: String, in database: Database) throws {
        try database.run(
            "UPDATE leases SET ended_at = ?, end_reason = ? WHERE lease_id = ? AND ended_at IS NULL"
        ) { row in
            row.add(time)
            row.add(reason)
            row.add(id.text)
        }
    }

    static func endAll(of name: SecretName, at time: Timestamp, reason: String, in database: Database) throws {
        try database.run(
            """
            UPDATE leases SET ended_at = ?1, end_reason = ?2
            WHERE secret = ?3 AND ended_at IS NULL AND expires_at > ?1
            """
        ) { row in
            row.add(time)
            row.add(reason)
            row.add(name.text)
        }
    }

    /// Those that have neither run out nor been ended.
    static func live(
        of name: SecretName?, after cursor: LeaseID?, limit: Int, at now: Timestamp, in database: Database
    ) throws -> [Lease] {
        let condition = name == nil ? "" : "AND secret = ?"
        return try database.all(
            """
            SELECT \(columns) FROM leases WHERE lease_id > ? AND ended_at IS NULL AND expires_at > ? \(condition)
            ORDER BY lease_id LIMIT ?
            """,
            { row in
                row.add(cursor?.text ?? "")
                row.add(now)
                if let name { row.add(name.text) }
                row.add(limit)
            }, read
        )
    }

    static func one(_ id: LeaseID, in database: Database) throws -> Lease? {
        try database.first("SELECT \(columns) FROM leases WHERE lease_id = ?", { $0.add(id.text) }, read)
    }

    static func swept(through sequence: Int64, in database: Database) throws {
        try database.run("UPDATE lease_sweep SET swept = max(swept, ?)") { $0.add(sequence) }
    }

    /// Tombstones that were not compared with leases yet, expired ones too.
    static func unswept(in database: Database) throws -> [Revocation] {
        let swept = try database.first("SELECT swept FROM lease_sweep") { $0.integer(0) } ?? 0
        return try RevocationRecord.all(after: swept, in: database)
    }

    private static func read(_ row: RowReader) throws -> Lease {
        let text = row.text(0)
        guard let id = LeaseID(text), let secret = SecretName(row.text(1)), let rule = RuleID(row.text(3)) else {
            throw StorageError.malformedRow(table: "leases", id: text)
        }
        return Lease(
            id: id, secret: secret, version: row.number(2), rule: rule,
            identity: try TokenColumns.read(
                row, from: 10, jti: row.text(8), issuedAt: row.integer(9), table: "leases"
            ),
            issuedAt: row.time(4), expiresAt: row.time(5), endedAt: row.optionalTime(6), endReason: row.optionalText(7)
        )
    }
}
