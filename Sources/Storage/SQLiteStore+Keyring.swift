import GRDB
package import OAuth
package import Vault

extension SQLiteStore {
    package func rootKeySlots() async throws -> [RootKeySlot] {
        try await pool.read { try RootKeyRecord.all(in: $0) }
    }

    package func keyringTerms() async throws -> [WrappedTerm] {
        try await pool.read { try VaultRecord.terms(in: $0) }
    }

    package func rootKeyLeftovers() async throws -> [String] {
        try await pool.read { try RootKeyRecord.leftovers(in: $0) }
    }

    package var sealedTables: [String] { SealedTable.all.map(\.name) }

    package func boxes(
        in table: String, under term: Int, after row: Int64, limit: Int
    ) async throws -> [StoredBox] {
        guard let table = SealedTable.named(table) else { return [] }
        return try await pool.read { try table.boxes(under: term, after: row, limit: limit, in: $0) }
    }

    package func boxCountsByTable() async throws -> [Int: [String: Int]] {
        try await pool.read { try SealedTable.counts(in: $0) }
    }

    package func forgetOverwritten() async throws {
        try await pool.writeWithoutTransaction { database in
            // Readers may need the log a moment longer; it is tried once, and the next checkpoint does the rest.
            _ = try? database.checkpoint(.truncate)
        }
    }

    /// What a crash left of an exchange of root keys is done.
    package func settleRootKeyFiles() async throws {
        try await pool.write { try RootKeyRecord.settle(in: $0) }
    }

    /// Changes of the keys, on their way into a transaction.
    static func apply(_ change: KeyringChange, in database: Database) throws {
        switch change {
        case .addTerm(let term): try VaultRecord.insert(term, into: database)
        case .removeTerm(let number, let time): try VaultRecord.remove(number, at: time, in: database)
        case .replaceRootKey(let swap): try RootKeyRecord.swap(swap, in: database)
        case .rootKeyFilesSettled: try RootKeyRecord.settle(in: database)
        case .reseal(let boxes): try SealedTable.reseal(boxes, in: database)
        }
    }
}
