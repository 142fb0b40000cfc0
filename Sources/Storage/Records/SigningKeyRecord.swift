import GRDB
import OAuth

/// `signing_keys`. Retired keys stay: the checkpoints that they signed are verified with them.
enum SigningKeyRecord {
    private static let columns = "kid, alg, box, created_at, active_from, revoked_at, public_key"

    static func insert(_ key: StoredSigningKey, into database: Database) throws {
        do {
            try database.run("INSERT INTO signing_keys (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?)") { row in
                row.add(key.keyID)
                row.add(key.algorithm)
                row.add(key.box)
                row.add(key.createdAt)
                row.add(key.activeFrom)
                row.add(key.revokedAt)
                row.add(key.publicKey)
            }
        } catch let error as DatabaseError where error.isDuplicate {
            throw CommitFailure.exists(key.keyID)
        }
    }

    static func revoke(_ keyID: String, at time: Timestamp, in database: Database) throws {
        try database.run("UPDATE signing_keys SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL") { row in
            row.add(time)
            row.add(keyID)
        }
    }

    /// Writes the public half of a key that was stored without one.
    static func keep(publicKey: String, of keyID: String, in database: Database) throws {
        try database.run("UPDATE signing_keys SET public_key = ? WHERE kid = ? AND public_key IS NULL") { row in
            row.add(publicKey)
            row.add(keyID)
        }
    }

    static func all(in database: Database) throws -> [StoredSigningKey] {
        try database.all("SELECT \(columns) FROM signing_keys ORDER BY active_from, kid") { row in
            StoredSigningKey(
                keyID: row.text(0), algorithm: row.text(1), box: row.blob(2), createdAt: row.time(3),
                activeFrom: row.time(4), revokedAt: row.optionalTime(5), publicKey: row.optionalText(6)
            )
        }
    }
}
