import GRDB
import Vault

/// `audit_head`: one row with the last record's number and hash, and the code that protects them.
enum AuditHeadRecord {
    static func write(_ head: AuditHead, code: [UInt8], to database: Database) throws {
        try database.run(
            """
            INSERT INTO audit_head (one, seq, hash, code) VALUES (1, ?, ?, ?)
            ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, code = excluded.code
            """
        ) { row in
            row.add(head.sequence)
            row.add(head.hash)
            row.add(code)
        }
    }

    static func read(in database: Database) throws -> (head: AuditHead, code: [UInt8])? {
        try database.first("SELECT seq, hash, code FROM audit_head") { row in
            (head: AuditHead(sequence: row.integer(0), hash: row.blob(1)), code: row.blob(2))
        }
    }
}
