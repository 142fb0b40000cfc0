import GRDB
import OAuth
import Vault

/// A table that holds sealed boxes, and what each box is bound to.
///
/// Whatever is sealed has to be in this list, or a rotation would leave it behind; and its table needs the triggers of
/// the migration `sealed_tables`.
struct SealedTable: Sendable {
    let name: String
    /// The column of the box; NULL where a row has none.
    let box: String
    /// SQL for the row's key, as it is in the box's `Place`.
    let key: String
    /// SQL for the version in its `Place`.
    let version: String
    let purpose: String

    static let all = [
        SealedTable(name: "vault_keys", box: "box", key: "name", version: "1", purpose: "key"),
        SealedTable(name: "signing_keys", box: "box", key: "kid", version: "1", purpose: "private-key"),
        SealedTable(name: "retired_keys", box: "box", key: "kid", version: "1", purpose: "public-key"),
        SealedTable(
            name: "event_receivers", box: "authorization", key: "receiver_id", version: "1", purpose: "authorization"
        ),
        SealedTable(
            name: "connections", box: "box", key: "connection_id", version: "box_version",
            purpose: "connection grant"
        ),
        SealedTable(
            name: "secret_versions", box: "box",
            key: "(SELECT name FROM secrets WHERE number = secret_versions.secret)", version: "version",
            purpose: "secret value"
        ),
    ]

    static func named(_ name: String) -> SealedTable? { all.first { $0.name == name } }

    /// The four bytes that name the term, behind the byte of the format. Large tables have an index over just this.
    private var term: String { "substr(\(box), 2, 4)" }

    /// Boxes that a term sealed, in the order of rows, behind one of them.
    func boxes(
        under term: Int, after row: Int64, limit: Int, in database: Database
    ) throws -> [StoredBox] {
        try database.all(
            """
            SELECT rowid, \(key), \(version), \(box) FROM \(name)
            WHERE \(box) IS NOT NULL AND \(self.term) = ? AND rowid > ? ORDER BY rowid LIMIT ?
            """,
            { arguments in
                arguments.add(SealedBox.header(ofTerm: term))
                arguments.add(row)
                arguments.add(limit)
            },
            { row in
                StoredBox(
                    place: Place(table: name, row: row.text(1), version: row.number(2), purpose: purpose),
                    row: row.integer(0), box: row.blob(3)
                )
            }
        )
    }

    /// Puts a box in the place of another, unless that one was changed in the meantime.
    static func reseal(_ boxes: [ResealedBox], in database: Database) throws {
        for resealed in boxes {
            guard let table = named(resealed.old.place.table) else {
                throw StorageError.malformedRow(table: resealed.old.place.table, id: resealed.old.place.row)
            }
            let box = table.box
            try database.run("UPDATE \(table.name) SET \(box) = ? WHERE rowid = ? AND \(box) = ?") { arguments in
                arguments.add(resealed.box)
                arguments.add(resealed.old.row)
                arguments.add(resealed.old.box)
            }
        }
    }

    /// Whether any box is under a term.
    static func isUsed(_ term: Int, in database: Database) throws -> Bool {
        for table in all where try !table.boxes(under: term, after: .min, limit: 1, in: database).isEmpty {
            return true
        }
        return false
    }

    /// How many boxes there are under each term, by table.
    static func counts(in database: Database) throws -> [Int: [String: Int]] {
        var counts: [Int: [String: Int]] = [:]
        for table in all {
            let rows = try database.all(
                """
                SELECT \(table.term), count(*) FROM \(table.name) WHERE \(table.box) IS NOT NULL GROUP BY \(table.term)
                """
            ) { (SealedBox.term(ofHeader: $0.blob(0)), $0.number(1)) }
            for (term, count) in rows { counts[term, default: [:]][table.name, default: 0] += count }
        }
        return counts
    }
}
