import GRDB
import OAuth

/// `spent`: what was used once. The primary key decides who was first.
enum SpentRecord {
    static func insert(_ spend: Spend, into database: Database) throws {
        let inserted = try database.run(
            "INSERT INTO spent (digest, expires) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING"
        ) { row in
            row.add(spend.digest)
            row.add(spend.expires)
        }
        guard inserted == 1 else { throw CommitFailure.spent }
    }

    static func exists(_ digest: [UInt8], in database: Database) throws -> Bool {
        try database.first("SELECT 1 FROM spent WHERE digest = ?", { $0.add(digest) }, { _ in true }) ?? false
    }
}
