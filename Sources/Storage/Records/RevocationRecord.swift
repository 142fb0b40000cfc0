import GRDB
import OAuth
import Revocations

/// `revocations` and `revocation_sequence`, which remembers the last number when all tombstones have gone.
enum RevocationRecord {
    private static let columns = "seq, kind, id, issued_before, expires, reason"

    /// Stores a tombstone under the next number.
    ///
    /// - Returns: the tombstone with its number.
    static func insert(_ revocation: Revocation, into database: Database) throws -> Revocation {
        var revocation = revocation
        revocation.sequence = try lastSequence(in: database) + 1
        try database.run("INSERT INTO revocations (\(columns)) VALUES (?, ?, ?, ?, ?, ?)") { row in
            row.add(revocation.sequence)
            row.add(revocation.kind.rawValue)
            row.add(revocation.id)
            row.add(revocation.issuedBefore)
            row.add(Timestamp(seconds: revocation.expires))
            row.add(revocation.reason)
        }
        try database.run(
            """
            INSERT INTO revocation_sequence (one, last) VALUES (1, ?)
            ON CONFLICT (one) DO UPDATE SET last = excluded.last
            """
        ) { $0.add(revocation.sequence) }
        return revocation
    }

    /// Tombstones after a number, in order, that have not expired at `now`; without it the expired ones too.
    static func all(
        after sequence: Int64, limit: Int = .max, unexpiredAt now: Timestamp? = nil, in database: Database
    ) throws -> [Revocation] {
        try database.all(
            "SELECT \(columns) FROM revocations WHERE seq > ? AND expires > ? ORDER BY seq LIMIT ?",
            { row in
                row.add(sequence)
                row.add(now ?? Timestamp(milliseconds: .min))
                row.add(limit)
            },
            read
        )
    }

    /// Lets every live tombstone take hold, one by one: a million of them are not held twice.
    static func insertAll(
        into set: RevocationSet, unexpiredAt now: Timestamp, in database: Database
    ) throws {
        let count = try database.first(
            "SELECT count(*) FROM revocations WHERE expires > ?", { $0.add(now) }, { $0.number(0) }
        )
        set.reserveCapacity(count ?? 0)
        try database.cachedStatement(sql: "SELECT \(columns) FROM revocations WHERE expires > ?")
            .forEachRow(Arguments { $0.add(now) }) { set.insert(try read($0)) }
    }

    /// The last live tombstones, in order.
    static func latest(_ limit: Int, unexpiredAt now: Timestamp, in database: Database) throws -> [Revocation] {
        try database.all(
            "SELECT \(columns) FROM revocations WHERE expires > ? ORDER BY seq DESC LIMIT ?",
            { row in
                row.add(now)
                row.add(limit)
            }, read
        ).reversed()
    }

    private static func read(_ row: RowReader) throws -> Revocation {
        guard let kind = Revocation.Kind(rawValue: row.text(1)) else {
            throw StorageError.malformedRow(table: "revocations", id: row.text(0))
        }
        return Revocation(
            sequence: row.integer(0), kind: kind, id: row.text(2), issuedBefore: row.integer(3),
            expires: row.time(4).seconds, reason: row.optionalText(5)
        )
    }

    static func lastSequence(in database: Database) throws -> Int64 {
        try database.first("SELECT last FROM revocation_sequence") { $0.integer(0) } ?? 0
    }
}
