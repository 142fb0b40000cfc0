import GRDB
package import OAuth

extension SQLiteStore {
    /// The signing keys as they lie there.
    package func signingKeys() async throws -> [StoredSigningKey] {
        try await pool.read { try SigningKeyRecord.all(in: $0) }
    }

    /// What a sealed server can show: resources, without anything that is sealed.
    package func publicSnapshot() async throws -> Snapshot {
        try await pool.read { database in
            var shared = SharedValues()
            var snapshot = Snapshot()
            try database.cachedStatement(sql: ResourceRecord.table.select).forEachRow { row in
                snapshot.resources.append(try ResourceRecord.read(row, &shared))
            }
            return snapshot
        }
    }

    /// Writes public halves, by `kid`, for keys that were stored without them.
    package func keepPublicKeys(_ keys: [String: String]) async throws {
        guard !keys.isEmpty else { return }
        try await pool.write { database in
            for (keyID, publicKey) in keys {
                try SigningKeyRecord.keep(publicKey: publicKey, of: keyID, in: database)
            }
        }
    }
}
