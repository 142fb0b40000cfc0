import GRDB
import OAuth
import Vault

/// `audit_archives`: one archive of the trail, as the database remembers it.
struct AuditArchiveRecord: Sendable, Equatable {
    let firstSequence: Int64
    let lastSequence: Int64
    let firstPreviousHash: [UInt8]
    let lastHash: [UInt8]
    /// Milliseconds; no record of the archive is younger.
    let latestTimestamp: Int64
    /// Its name in the directory of the archives.
    let file: String
    let checkpoint: String
    let createdAt: Timestamp

    private static let columns = """
        first_seq, last_seq, first_previous_hash, last_hash, latest_timestamp, file, checkpoint, created_at
        """

    func insert(into database: Database) throws {
        try database.run("INSERT INTO audit_archives (\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?)") { row in
            row.add(firstSequence)
            row.add(lastSequence)
            row.add(firstPreviousHash)
            row.add(lastHash)
            row.add(latestTimestamp)
            row.add(file)
            row.add(checkpoint)
            row.add(createdAt)
        }
    }

    /// Oldest first.
    static func all(in database: Database) throws -> [AuditArchiveRecord] {
        try database.all("SELECT \(columns) FROM audit_archives ORDER BY first_seq") { read($0) }
    }

    /// The archive that holds a record, if it is in one.
    static func holding(_ sequence: Int64, in database: Database) throws -> AuditArchiveRecord? {
        try database.first(
            "SELECT \(columns) FROM audit_archives WHERE first_seq <= ?1 AND last_seq >= ?1", { $0.add(sequence) }, read
        )
    }

    private static func read(_ row: RowReader) -> AuditArchiveRecord {
        AuditArchiveRecord(
            firstSequence: row.integer(0), lastSequence: row.integer(1), firstPreviousHash: row.blob(2),
            lastHash: row.blob(3), latestTimestamp: row.integer(4), file: row.text(5), checkpoint: row.text(6),
            createdAt: row.time(7)
        )
    }

    /// The last record that is in an archive; 0 when there is none.
    static func lastSequence(in database: Database) throws -> Int64 {
        try database.first("SELECT max(last_seq) FROM audit_archives") { $0.integer(0) } ?? 0
    }
}
