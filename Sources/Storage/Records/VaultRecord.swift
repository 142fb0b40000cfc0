import GRDB
import Vault

/// `keyring_terms` and `vault_keys`: what the root key opens, in sealed boxes.
enum VaultRecord {
    static func insert(_ term: WrappedTerm, into database: Database) throws {
        try database.run("INSERT INTO keyring_terms (number, box, created_at) VALUES (?, ?, ?)") { row in
            row.add(term.number)
            row.add(term.box)
            row.add(term.createdAt)
        }
    }

    static func terms(in database: Database) throws -> [WrappedTerm] {
        try database.all("SELECT number, box, created_at FROM keyring_terms ORDER BY number") { row in
            WrappedTerm(number: row.number(0), box: row.blob(1), createdAt: row.integer(2))
        }
    }

    static func insert(key box: [UInt8], named name: String, into database: Database) throws {
        try database.run("INSERT INTO vault_keys (name, box) VALUES (?, ?)") { row in
            row.add(name)
            row.add(box)
        }
    }

    static func keys(in database: Database) throws -> [String: [UInt8]] {
        let rows = try database.all("SELECT name, box FROM vault_keys") { ($0.text(0), $0.blob(1)) }
        return Dictionary(rows) { first, _ in first }
    }
}
