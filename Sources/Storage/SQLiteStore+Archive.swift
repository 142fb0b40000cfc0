import GRDB
import OAuth
import Synchronization
import Vault

extension SQLiteStore {
    /// Rows that one transaction removes, so that no commit waits long for it.
    private static let removalSize = 1000
    private static let chunkSize = 500

    /// The file is written and durable before the database knows it, and the rows go after that: a crash between two
    /// steps leaves every record in exactly one of the places that are read.
    ///
    /// - Throws: `StorageError.cannotArchive` when a record is missing, the checkpoint is not of the last one, or an
    ///   archive is being made.
    package func archiveAudit(upTo sequence: Int64, checkpoint: String) async throws {
        let isFree = isArchiving.withLock { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
        guard isFree else { throw StorageError.cannotArchive("another archive is being made") }
        defer { isArchiving.withLock { $0 = false } }
        let first = try await pool.read { try AuditArchiveRecord.lastSequence(in: $0) } + 1
        guard sequence >= first else { return }
        let archives = archives
        let pool = pool
        // On a thread of its own, where waiting for the database and the disk holds up nobody.
        let archive = try await Blocking.run {
            try archives.write(from: first, to: sequence, checkpoint: checkpoint) { next in
                try pool.read { database in
                    try Self.records(from: next, to: sequence, limit: Self.chunkSize, in: database)
                }
            }
        }
        try await pool.write { try archive.insert(into: $0) }
        try await removeArchivedRows()
    }

    private func removeArchivedRows() async throws {
        let last = try await pool.read { try AuditArchiveRecord.lastSequence(in: $0) }
        while true {
            let removed = try await pool.write { database in
                try database.run(
                    "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE seq <= ? ORDER BY seq LIMIT ?)"
                ) { row in
                    row.add(last)
                    row.add(Self.removalSize)
                }
            }
            checkpointer.committed()
            if removed < Self.removalSize { return }
        }
    }

    /// Ends what a crash cut short: an archive that was not finished or not recorded is removed, for its records are
    /// still in the database; rows that a recorded archive holds are removed.
    func recoverArchives() async throws {
        let archives = archives
        let known = try await pool.read { Set(try AuditArchiveRecord.all(in: $0).map(\.file)) }
        let unknown = try await Blocking.run {
            try archives.removeUnfinished()
            return try archives.unknown(to: known)
        }
        for (file, last) in unknown {
            // The hash covers all records before it. One that the database does not have is the only copy: it stays.
            let stored = try await pool.read { database in
                try Self.records(from: last.sequence, to: last.sequence, limit: 1, in: database).first?.hash
            }
            if stored == last.hash { try archives.remove(archives.path(of: file)) }
        }
        try await removeArchivedRows()
    }
}
