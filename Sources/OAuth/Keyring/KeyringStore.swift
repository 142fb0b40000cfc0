package import Vault

/// What storage knows of the keys of the vault.
package protocol KeyringStore: Sendable {
    /// The root keys that open the vault, without the keys.
    func rootKeySlots() async throws -> [RootKeySlot]

    /// The keyring's terms, oldest first, once for each slot.
    func keyringTerms() async throws -> [WrappedTerm]

    /// Fingerprints of root keys whose files a crash may have left.
    func rootKeyLeftovers() async throws -> [String]

    /// The tables that hold boxes.
    var sealedTables: [String] { get }

    /// Boxes of a table that a term sealed, behind a row, in the order of rows.
    func boxes(in table: String, under term: Int, after row: Int64, limit: Int) async throws -> [StoredBox]

    /// How many boxes there are under each term, by the names of their tables.
    func boxCountsByTable() async throws -> [Int: [String: Int]]

    /// Takes what was overwritten out of the write-ahead log too, as far as nobody reads it.
    func forgetOverwritten() async throws
}

extension KeyringStore {
    /// How many boxes there are under each term.
    package func boxCounts() async throws -> [Int: Int] {
        try await boxCountsByTable().mapValues { $0.values.reduce(0, +) }
    }
}
