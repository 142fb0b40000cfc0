import GRDB
import OAuth
import Synchronization

/// The store on SQLite: values ↔ rows, no rules. WAL, a sync for every commit, foreign keys, strict tables.
///
/// One connection writes, one transaction at a time; others read beside it.
package final class SQLiteStore: PersistentStore {
    let pool: DatabasePool
    let archives: AuditArchives
    let checkpointer: Checkpointer
    let isArchiving = Mutex(false)
    private let isClosed = Mutex(false)
    private let directory: DataDirectory
    private let lastProbe = Mutex<(time: ContinuousClock.Instant, isWritable: Bool)?>(nil)

    private init(
        pool: DatabasePool, archives: AuditArchives, checkpointer: Checkpointer, directory: DataDirectory
    ) {
        self.pool = pool
        self.archives = archives
        self.checkpointer = checkpointer
        self.directory = directory
    }

    /// Opens the database, makes it when it is missing, brings its schema up to date and ends what a crash cut short.
    ///
    /// - Throws: `StorageError` when another process has the directory open, the file is none of ours, or its schema is
    ///   not one that we know.
    package static func open(path: String) async throws -> SQLiteStore {
        let store = try await Blocking.run {
            let parent = DataDirectory.split(path).directory
            let directory = try DataDirectory(path: parent)
            try DataDirectory.makePrivateFile(path)
            let pool: DatabasePool
            do {
                pool = try DatabasePool(path: path, configuration: configuration())
                try pool.writeWithoutTransaction { database in
                    // GRDB lowers this when it turns WAL on. What was acknowledged must survive a power cut.
                    try database.execute(sql: "PRAGMA synchronous = FULL")
                    // No commit has to do a checkpoint: see Checkpointer.
                    try database.execute(sql: "PRAGMA wal_autocheckpoint = 0")
                    try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
                    try Schema.migrate(database, path: path)
                }
            } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
                throw StorageError.notADatabase(path: path)
            }
            return SQLiteStore(
                pool: pool, archives: AuditArchives(directory: parent + "/audit"),
                checkpointer: try Checkpointer(pool, configuration: configuration()), directory: directory
            )
        }
        do {
            try await store.recoverArchives()
            try await store.removeBackupCopies()
        } catch {
            try await store.close()
            throw error
        }
        store.checkpointer.start()
        return store
    }

    private static func configuration() -> GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.label = "legate.storage"
        configuration.foreignKeysEnabled = true
        configuration.maximumReaderCount = 3
        // Somebody else may hold the file for a moment: a backup, a person with the sqlite3 shell.
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA cache_size = -4096")
            try database.execute(sql: "PRAGMA mmap_size = 0")
            try database.execute(sql: "PRAGMA temp_store = MEMORY")
            try database.execute(sql: "PRAGMA trusted_schema = OFF")
            // What is destroyed is overwritten, not only unlinked.
            try database.execute(sql: "PRAGMA secure_delete = ON")
        }
        return configuration
    }

    package func close() async throws {
        // SQLite must not be asked anything about a connection that is gone.
        let isOpen = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return !isClosed
        }
        guard isOpen else { return }
        await checkpointer.stop()
        let checkpointer = checkpointer
        let pool = pool
        let directory = directory
        try await Blocking.run {
            defer { directory.release() }
            // Leaves one file behind rather than three; what cannot be moved now is moved at the next start.
            try? pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            try pool.close()
            try checkpointer.close()
        }
    }

    /// Seconds for which an answer about writing is good. A probe costs a sync, and strangers may ask.
    private static let probeLifetime = Duration.seconds(1)

    package func isWritable() async -> Bool {
        let now = ContinuousClock.now
        if let last = lastProbe.withLock({ $0 }), now - last.time < Self.probeLifetime { return last.isWritable }
        let isWritable: Bool
        do {
            _ = try await pool.write { database in
                try database.run(
                    "INSERT INTO probe (one, count) VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET count = probe.count + 1"
                )
            }
            isWritable = true
        } catch {
            isWritable = false
        }
        lastProbe.withLock { $0 = (now, isWritable) }
        return isWritable
    }
}
