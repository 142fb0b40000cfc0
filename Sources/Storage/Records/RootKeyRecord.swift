import GRDB
import OAuth
import Vault

/// `root_keys` and `root_key_leftovers`: what opens the vault, without the keys.
enum RootKeyRecord {
    static func insert(_ slot: RootKeySlot, into database: Database) throws {
        try database.run(
            "INSERT INTO root_keys (slot, kind, salt, memory_kib, passes, lanes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        ) { row in
            row.add(slot.id)
            row.add(slot.kindName)
            if case .passphrase(let salt, let cost) = slot.kind {
                row.add(salt)
                row.add(cost.memoryKiB)
                row.add(cost.passes)
                row.add(cost.lanes)
            } else {
                for _ in 0..<4 { row.add(nil as Int?) }
            }
            row.add(slot.createdAt)
        }
    }

    static func all(in database: Database) throws -> [RootKeySlot] {
        try database.all(
            "SELECT slot, kind, salt, memory_kib, passes, lanes, created_at FROM root_keys ORDER BY created_at, slot"
        ) { row in
            let kind: RootKeySlot.Kind =
                if row.text(1) == "passphrase" {
                    .passphrase(
                        salt: row.blob(2),
                        cost: try Argon2Cost(memoryKiB: row.number(3), passes: row.number(4), lanes: row.number(5))
                    )
                } else {
                    .file
                }
            return RootKeySlot(id: row.text(0), kind: kind, createdAt: row.integer(6))
        }
    }

    static func leftovers(in database: Database) throws -> [String] {
        try database.all("SELECT fingerprint FROM root_key_leftovers ORDER BY fingerprint") { $0.text(0) }
    }

    static func settle(in database: Database) throws { try database.run("DELETE FROM root_key_leftovers") }

    /// Puts one root key in the place of another.
    ///
    /// - Throws: `CommitFailure.stale` when the stored terms are not those that were wrapped, or another root key was
    ///   put there in the meantime.
    static func swap(_ swap: RootKeySwap, in database: Database) throws {
        let numbers = try database.all("SELECT number FROM keyring_terms ORDER BY number") { $0.number(0) }
        guard numbers == swap.terms.map(\.number).sorted(), try all(in: database).map(\.id) == [swap.replaces] else {
            throw CommitFailure.stale("keyring")
        }
        try database.run("DELETE FROM wrapped_terms")
        try database.run("DELETE FROM root_keys")
        try insert(swap.slot, into: database)
        for term in swap.terms { try VaultRecord.insert(wrap: term, into: database) }
        guard let leftover = swap.leftover else { return }
        try database.run("INSERT OR IGNORE INTO root_key_leftovers (fingerprint) VALUES (?)") { $0.add(leftover) }
    }
}
