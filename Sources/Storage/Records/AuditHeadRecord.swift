import GRDB
import Vault

/// `audit_head`: one row with the last record's number and hash, the code that protects them, and the latest `iat`.
enum AuditHeadRecord {
    /// - Parameter lastIssued: seconds; nil leaves what is stored.
    static func write(
        _ head: AuditHead, code: [UInt8], lastIssued: Int64? = nil, to database: Database
    ) throws {
        try database.run(
            """
            INSERT INTO audit_head (one, seq, hash, code, last_issued) VALUES (1, ?, ?, ?, ?)
            ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, code = excluded.code,
                last_issued = coalesce(excluded.last_issued, last_issued)
            """
        ) { row in
            row.add(head.sequence)
            row.add(head.hash)
            row.add(code)
            row.add(lastIssued)
        }
    }

    /// The latest `iat` of a token, in seconds; nil when there was none yet.
    static func lastIssued(in database: Database) throws -> Int64? {
        try database.first("SELECT last_issued FROM audit_head") { $0.optionalInteger(0) } ?? nil
    }

    static func read(in database: Database) throws -> (head: AuditHead, code: [UInt8])? {
        try database.first("SELECT seq, hash, code FROM audit_head") { row in
            (head: AuditHead(sequence: row.integer(0), hash: row.blob(1)), code: row.blob(2))
        }
    }
}
