/// The storage engines. Each one passes the same tests; the only list to add another to.
package enum Engine: String, CaseIterable, Sendable {
    case sqlite

    /// Opens the store in a data directory, and makes it first when it is missing.
    ///
    /// - Throws: `StorageError` when another process has the directory, or its schema is not one that we know.
    package func open(at directory: String) async throws -> any PersistentStore {
        switch self {
        case .sqlite: try await SQLiteStore.open(path: directory + "/legate.db")
        }
    }
}
