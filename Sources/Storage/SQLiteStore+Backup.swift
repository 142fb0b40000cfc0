import GRDB
package import OAuth

extension SQLiteStore {
    /// A copy of the database as it is now, beside it in the data directory, and the archives that it names.
    ///
    /// Archives are never changed and never removed, so that they need no copy.
    ///
    /// - Throws: `StorageError`, or SQLite's error when there is no room for the copy.
    package func copyForBackup() async throws -> any BackupCopy {
        let database = pool.path
        let archives = archives
        return try await Blocking.run {
            try DatabaseCopy.make(of: database, archives: archives) { try BackupLockRecord.read(from: $0) }
        }
    }

    /// Reads every page and every index.
    ///
    /// - Throws: `StorageError.corrupt` with what SQLite finds.
    package func checkIntegrity() async throws {
        let found = try await pool.read { database in
            try database.all("PRAGMA integrity_check(1)") { $0.text(0) }
                + database.all("PRAGMA foreign_key_check") { "a row of \($0.text(0)) names one that is not there" }
        }
        if let problem = found.first(where: { $0 != "ok" }) { throw StorageError.corrupt(problem) }
    }

    /// Goes on with numbers of tombstones that were never given.
    ///
    /// A restored database has forgotten the latest ones. Whoever has read them already would take a new tombstone that
    /// gets the same number for one that he knows.
    package func skipRevocationNumbers() async throws {
        _ = try await pool.write { database in
            try database.run(
                """
                INSERT INTO revocation_sequence (one, last) VALUES (1, ?1)
                ON CONFLICT (one) DO UPDATE SET last = last + ?1
                """
            ) { $0.add(Self.skippedNumbers) }
        }
    }

    /// More than are given between two backups, and little enough for many restores: a JSON number has 53 bits.
    private static let skippedNumbers = 1_000_000_000

    /// Removes copies that a crash left behind.
    func removeBackupCopies() async throws {
        let directory = DataDirectory.split(pool.path).directory
        try await Blocking.run { try DatabaseCopy.removeAbandoned(in: directory) }
    }
}
