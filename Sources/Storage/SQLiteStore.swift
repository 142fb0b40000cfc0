import Foundation
import GRDB
import Glibc
import OAuth

/// The store on SQLite: values ↔ rows, no rules. WAL, a sync for every commit, foreign keys, strict tables.
package final class SQLiteStore: Store {
    let pool: DatabasePool
    /// Where archives of the audit trail lie.
    let archives: AuditArchives
    private let lock: DirectoryLock

    private init(pool: DatabasePool, archives: AuditArchives, lock: DirectoryLock) {
        self.pool = pool
        self.archives = archives
        self.lock = lock
    }

    /// Opens or creates the database and brings its schema up to date.
    ///
    /// - Throws: `StorageError` when another process has it open, or its schema is not one that we know.
    package static func open(path: String) async throws -> SQLiteStore {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700]
        )
        let lock = try DirectoryLock(directory: directory)
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        var configuration = GRDB.Configuration()
        configuration.foreignKeysEnabled = true
        configuration.maximumReaderCount = 3
        configuration.prepareDatabase { database in
            // What was acknowledged survives a power cut: every commit is synced.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.execute(sql: "PRAGMA cache_size = -8192")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
            try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
        }
        let pool = try DatabasePool(path: path, configuration: configuration)
        try await Schema.migrate(pool)
        let store = SQLiteStore(pool: pool, archives: AuditArchives(directory: directory + "/audit"), lock: lock)
        try await store.finishArchiving()
        return store
    }

    package func close() async throws {
        try pool.close()
        lock.release()
    }

    package func isWritable() async -> Bool {
        do {
            try await pool.write { database in
                try database.execute(
                    sql: "INSERT INTO settings (name, value) VALUES ('probe', '') ON CONFLICT (name) DO UPDATE SET value = ''"
                )
            }
            return true
        } catch {
            return false
        }
    }
}

/// Storage cannot go on, in one sentence that says what to do.
package struct StorageError: Error, CustomStringConvertible {
    package let description: String
}

/// One process at a time: two ledgers over one database would each link their own chain.
private final class DirectoryLock: Sendable {
    private let descriptor: Int32

    init(directory: String) throws {
        descriptor = unsafe Glibc.open(directory + "/legate.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StorageError(description: "data: cannot create \(directory)/legate.lock") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(descriptor)
            throw StorageError(description: "data: \(directory) is in use by another legate process")
        }
    }

    func release() { _ = flock(descriptor, LOCK_UN) }

    deinit { Glibc.close(descriptor) }
}
