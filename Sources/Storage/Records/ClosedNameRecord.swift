import GRDB
import OAuth
import Revocations

/// `closed_names`: tasks, sessions and agent instances that may not come back until a time, or for good.
enum ClosedNameRecord {
    static func close(_ kind: Revocation.Kind, _ id: String, until: Timestamp?, in database: Database) throws {
        try database.run(
            """
            INSERT INTO closed_names (kind, id, until) VALUES (?, ?, ?)
            ON CONFLICT (kind, id) DO UPDATE SET until = excluded.until
            """
        ) { row in
            row.add(kind.rawValue)
            row.add(id)
            row.add(until)
        }
    }

    static func reopen(_ kind: Revocation.Kind, _ id: String, in database: Database) throws {
        try database.run("DELETE FROM closed_names WHERE kind = ? AND id = ?") { row in
            row.add(kind.rawValue)
            row.add(id)
        }
    }

    static func all(
        at now: Timestamp, in database: Database
    ) throws -> [(kind: Revocation.Kind, id: String, until: Timestamp?)] {
        try database.all(
            "SELECT kind, id, until FROM closed_names WHERE until IS NULL OR until > ?", { $0.add(now) },
            { row in
                guard let kind = Revocation.Kind(rawValue: row.text(0)) else {
                    throw StorageError.malformedRow(table: "closed_names", id: row.text(1))
                }
                return (kind: kind, id: row.text(1), until: row.optionalTime(2))
            }
        )
    }
}
