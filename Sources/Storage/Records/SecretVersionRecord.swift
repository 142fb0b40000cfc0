import GRDB
import OAuth

/// `secret_versions`: sealed values, and what became of them.
enum SecretVersionRecord {
    static func insert(_ version: SecretVersion, of name: SecretName, into database: Database) throws {
        let inserted: Int
        do {
            inserted = try database.run(
                """
                INSERT INTO secret_versions (secret, version, state, box, created_at, readable_until)
                SELECT number, ?, ?, ?, ?, ? FROM secrets WHERE name = ?
                """
            ) { row in
                row.add(version.number)
                row.add(version.state.rawValue)
                row.add(version.box)
                row.add(version.createdAt)
                row.add(version.readableUntil)
                row.add(name.text)
            }
        } catch let error as DatabaseError where error.isDuplicate {
            throw CommitFailure.exists("\(name) version \(version.number)")
        }
        guard inserted == 1 else { throw CommitFailure.missing(name.text) }
    }

    static func set(
        _ number: Int, of name: SecretName, to state: SecretVersion.State, readableUntil: Timestamp?,
        in database: Database
    ) throws {
        // What was destroyed stays so: there is nothing to bring back.
        let changed = try database.run(
            """
            UPDATE secret_versions SET state = ?1, readable_until = ?2,
                box = CASE WHEN ?1 = 'destroyed' THEN NULL ELSE box END
            WHERE secret = (SELECT number FROM secrets WHERE name = ?3) AND version = ?4
                AND (state <> 'destroyed' OR ?1 = 'destroyed')
            """
        ) { row in
            row.add(state.rawValue)
            row.add(readableUntil)
            row.add(name.text)
            row.add(number)
        }
        guard changed == 1 else { throw CommitFailure.missing("\(name) version \(number)") }
    }

    /// The box that a lease releases.
    ///
    /// - Throws: `CommitFailure.stale` when the definition is not the one that was decided on, `.missing` when the
    ///   version cannot be read now.
    static func readable(_ lease: Lease, at revision: Int, in database: Database) throws -> [UInt8] {
        let found = try database.first(
            """
            SELECT s.revision, v.state, v.readable_until, v.box FROM secrets s
            LEFT JOIN secret_versions v ON v.secret = s.number AND v.version = ? WHERE s.name = ?
            """,
            { row in
                row.add(lease.version)
                row.add(lease.secret.text)
            },
            { row -> (revision: Int, box: [UInt8]?) in
                let isReadable =
                    ["live", "pending"].contains(row.text(1))
                    && (row.optionalTime(2).map { lease.issuedAt < $0 } ?? true)
                return (row.number(0), isReadable ? row.blob(3) : nil)
            }
        )
        guard let found else { throw CommitFailure.missing(lease.secret.text) }
        guard found.revision == revision else { throw CommitFailure.stale(lease.secret.text) }
        guard let box = found.box else { throw CommitFailure.missing("\(lease.secret) version \(lease.version)") }
        return box
    }

    /// Without their boxes, oldest first.
    static func all(of name: SecretName, in database: Database) throws -> [SecretVersion] {
        try database.all(
            """
            SELECT version, state, created_at, readable_until FROM secret_versions
            WHERE secret = (SELECT number FROM secrets WHERE name = ?) ORDER BY version
            """,
            { $0.add(name.text) },
            { row in
                guard let state = SecretVersion.State(rawValue: row.text(1)) else {
                    throw StorageError.malformedRow(table: "secret_versions", id: "\(name) \(row.number(0))")
                }
                return SecretVersion(
                    number: row.number(0), state: state, box: [], createdAt: row.time(2),
                    readableUntil: row.optionalTime(3)
                )
            }
        )
    }

    static func box(of name: SecretName, version: Int, in database: Database) throws -> [UInt8]? {
        try database.first(
            """
            SELECT box FROM secret_versions
            WHERE secret = (SELECT number FROM secrets WHERE name = ?) AND version = ? AND box IS NOT NULL
            """,
            { row in
                row.add(name.text)
                row.add(version)
            }, { $0.blob(0) }
        )
    }
}
