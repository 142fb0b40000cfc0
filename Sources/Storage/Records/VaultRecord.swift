import GRDB
import OAuth
import Vault

/// `keyring_terms`, `wrapped_terms`, `removed_terms` and `vault_keys`: what the root key opens, in sealed boxes.
enum VaultRecord {
    /// Stores a new term with its wrap.
    ///
    /// - Throws: `CommitFailure.exists` when the number is taken, or was; `.stale` when its root key was replaced.
    static func insert(_ term: WrappedTerm, into database: Database) throws {
        let slots = try RootKeyRecord.all(in: database).map(\.id)
        guard slots == [term.slot] else { throw CommitFailure.stale("keyring") }
        let highest = try database.first("SELECT max(number) FROM keyring_terms") { $0.number(0) } ?? 0
        guard term.number > highest else { throw CommitFailure.exists("term \(term.number)") }
        try database.run("INSERT INTO keyring_terms (number, created_at) VALUES (?, ?)") { row in
            row.add(term.number)
            row.add(term.createdAt)
        }
        try insert(wrap: term, into: database)
    }

    static func insert(wrap term: WrappedTerm, into database: Database) throws {
        try database.run("INSERT INTO wrapped_terms (slot, number, box) VALUES (?, ?, ?)") { row in
            row.add(term.slot)
            row.add(term.number)
            row.add(term.box)
        }
    }

    static func terms(in database: Database) throws -> [WrappedTerm] {
        try database.all(
            """
            SELECT t.number, w.slot, w.box, t.created_at FROM keyring_terms t
            JOIN wrapped_terms w ON w.number = t.number ORDER BY t.number, w.slot
            """
        ) { row in
            WrappedTerm(number: row.number(0), slot: row.text(1), box: row.blob(2), createdAt: row.integer(3))
        }
    }

    /// Removes a term for good, and keeps its number, so that nothing is stored under it any more.
    ///
    /// - Throws: `CommitFailure.stale` while something is sealed under it, `.missing` when it is not there.
    static func remove(_ number: Int, at time: Timestamp, in database: Database) throws {
        guard try !SealedTable.isUsed(number, in: database) else { throw CommitFailure.stale("term \(number)") }
        guard try database.run("DELETE FROM keyring_terms WHERE number = ?", { $0.add(number) }) == 1 else {
            throw CommitFailure.missing("term \(number)")
        }
        try database.run("DELETE FROM wrapped_terms WHERE number = ?") { $0.add(number) }
        try database.run("INSERT OR IGNORE INTO removed_terms (term, removed_at) VALUES (?, ?)") { row in
            row.add(SealedBox.header(ofTerm: number))
            row.add(time)
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
