import GRDB
import OAuth

/// `signing_keys`, and `retired_keys` for those whose private half is erased: the checkpoints that they signed are
/// verified with the public one.
enum SigningKeyRecord {
    private static let shared = "kid, alg, box, origin, created_at, active_from, revoked_at"

    static func insert(_ key: StoredSigningKey, into database: Database) throws {
        let retired = try database.all(
            "SELECT kid FROM retired_keys WHERE kid = ?", { $0.add(key.keyID) }, { $0.text(0) }
        )
        guard retired.isEmpty else { throw CommitFailure.exists(key.keyID) }
        do {
            let columns = "\(shared), public_key"
            try database.run("INSERT INTO signing_keys (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?)") { row in
                row.add(key.keyID)
                row.add(key.algorithm)
                row.add(key.box)
                row.add(key.origin.rawValue)
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
        for table in ["signing_keys", "retired_keys"] {
            try database.run("UPDATE \(table) SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL") { row in
                row.add(time)
                row.add(keyID)
            }
        }
    }

    /// Moves a key to those that have no private half any more.
    ///
    /// - Parameter box: its public half, sealed.
    static func erase(
        _ keyID: String, keeping box: [UInt8], at time: Timestamp, in database: Database
    ) throws {
        try database.run(
            """
            INSERT INTO retired_keys (\(shared), erased_at)
            SELECT kid, alg, ?, origin, created_at, active_from, revoked_at, ? FROM signing_keys WHERE kid = ?
            """
        ) { row in
            row.add(box)
            row.add(time)
            row.add(keyID)
        }
        try database.run("DELETE FROM signing_keys WHERE kid = ?") { $0.add(keyID) }
    }

    /// Writes the public half of a key that was stored without one.
    static func keep(publicKey: String, of keyID: String, in database: Database) throws {
        try database.run("UPDATE signing_keys SET public_key = ? WHERE kid = ? AND public_key IS NULL") { row in
            row.add(publicKey)
            row.add(keyID)
        }
    }

    /// Every key, in the order in which they came to sign.
    static func all(in database: Database) throws -> [StoredSigningKey] {
        try database.all(
            """
            SELECT \(shared), public_key, NULL FROM signing_keys
            UNION ALL
            SELECT \(shared), NULL, erased_at FROM retired_keys
            ORDER BY active_from, kid
            """
        ) { row in
            guard let origin = StoredSigningKey.Origin(rawValue: row.text(3)) else {
                throw StorageError.malformedRow(table: "signing_keys", id: row.text(0))
            }
            return StoredSigningKey(
                keyID: row.text(0), algorithm: row.text(1), box: row.blob(2), createdAt: row.time(4),
                activeFrom: row.time(5), revokedAt: row.optionalTime(6), publicKey: row.optionalText(7),
                origin: origin, erasedAt: row.optionalTime(8)
            )
        }
    }
}
