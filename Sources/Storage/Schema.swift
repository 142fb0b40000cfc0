import Crypto
import GRDB

/// The migrations, in order. Forward only: a released file never changes, its hash is pinned here.
package enum Schema {
    package struct Migration: Sendable {
        package let version: Int
        package let name: String
        package let sql: [UInt8]
        /// SHA-256 of the file, in hex.
        package let hash: String

        package var actualHash: String {
            SHA256.hash(data: sql).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }

    package static let migrations: [Migration] = [
        Migration(
            version: 1, name: "registry", sql: PackageResources.V0001_registry_sql,
            hash: "7dc8c8a77765af726f8daf927131638c849de584f2f92c35e91051f9eb5734c8"
        ),
        Migration(
            version: 2, name: "ledger", sql: PackageResources.V0002_ledger_sql,
            hash: "935bb3a26daa2a403b021c6b77a1b4a53d081a6ed9fa71280c99574cf39250ef"
        ),
        Migration(
            version: 3, name: "audit", sql: PackageResources.V0003_audit_sql,
            hash: "089df6e584018bba773df11270426f71faa0625c1822d419ec8d638119c527a2"
        ),
    ]

    /// Applies what is missing, each migration in a transaction of its own.
    static func migrate(_ pool: DatabasePool, _ migrations: [Migration] = migrations) async throws {
        try await pool.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS schema_migrations (
                        version INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL
                    ) STRICT
                    """
            )
        }
        let applied = try await pool.read { database in
            try Row.fetchAll(database, sql: "SELECT version, hash FROM schema_migrations ORDER BY version").map { row in
                (version: row[0] as Int, hash: row[1] as String)
            }
        }
        for done in applied {
            guard let known = migrations.first(where: { $0.version == done.version }) else {
                throw StorageError(description: "data: the database was made by a newer legate (schema \(done.version))")
            }
            guard known.hash == done.hash else {
                throw StorageError(description: "data: migration \(known.name) of the database is not the one of this legate")
            }
        }
        for migration in migrations where !applied.contains(where: { $0.version == migration.version }) {
            guard migration.actualHash == migration.hash else {
                throw StorageError(description: "migration \(migration.name) was changed after its release")
            }
            try await pool.write { database in
                try database.execute(sql: String(decoding: migration.sql, as: UTF8.self))
                try database.execute(
                    sql: "INSERT INTO schema_migrations (version, name, hash) VALUES (?, ?, ?)",
                    arguments: [migration.version, migration.name, migration.hash]
                )
            }
        }
    }
}
