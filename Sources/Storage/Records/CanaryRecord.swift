import GRDB
import OAuth

/// `canaries`: look-alikes that were planted, by their digests.
enum CanaryRecord {
    private static let columns = "canary_id, digest, kind, planted_in, created_at, uses, first_used, last_used"

    static func insert(_ canary: Canary, into database: Database) throws {
        try database.run("INSERT INTO canaries (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?)") { row in
            row.add(canary.id.text)
            row.add(canary.digest)
            row.add(canary.kind.rawValue)
            row.add(canary.plantedIn)
            row.add(canary.createdAt)
            row.add(canary.uses)
            row.add(canary.firstUsed)
            row.add(canary.lastUsed)
        }
    }

    static func delete(_ id: CanaryID, in database: Database) throws {
        guard try database.run("DELETE FROM canaries WHERE canary_id = ?", { $0.add(id.text) }) == 1 else {
            throw CommitFailure.missing(id.text)
        }
    }

    static func note(_ sighting: CanarySighting, in database: Database) throws {
        let noted = try database.run(
            """
            UPDATE canaries SET uses = uses + ?1, first_used = coalesce(first_used, ?2), last_used = ?2
            WHERE canary_id = ?3
            """
        ) { row in
            row.add(sighting.uses)
            row.add(sighting.at)
            row.add(sighting.id.text)
        }
        guard noted == 1 else { throw CommitFailure.missing(sighting.id.text) }
    }

    static func all(in database: Database) throws -> [Canary] {
        try database.all("SELECT \(columns) FROM canaries") { row in
            guard let id = CanaryID(row.text(0)), let kind = Canary.Kind(rawValue: row.text(2)) else {
                throw StorageError.malformedRow(table: "canaries", id: row.text(0))
            }
            return Canary(
                id: id, kind: kind, digest: row.blob(1), plantedIn: row.text(3), createdAt: row.time(4),
                uses: row.number(5), firstUsed: row.optionalTime(6), lastUsed: row.optionalTime(7)
            )
        }
    }
}
