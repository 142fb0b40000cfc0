import Crypto
import FoundationEssentials
import GRDB

/// The migrations, in order. Forward only: a released file never changes, and its hash is pinned here.
enum Schema {
    struct Migration: Sendable {
        let version: Int
        let name: String
        let sql: [UInt8]
        /// SHA-256 of the file, in hex.
        let hash: String

        /// The hash of what is embedded; a test compares it with the pinned one.
        var actualHash: String {
            SHA256.hash(data: sql).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }

    static let migrations = [
        Migration(
            version: 1, name: "registry", sql: PackageResources.V0001_registry_sql,
            hash: "cce1b8b470e801c3043fb279b9da12f875ebafc2486d5f54532ae57cbd28b1ad"
        ),
        Migration(
            version: 2, name: "ledger", sql: PackageResources.V0002_ledger_sql,
            hash: "3c86416665081d38e9f4caaa0d107f88a8d0e53dcd7cc13db91f15f5b932d68a"
        ),
        Migration(
            version: 3, name: "audit", sql: PackageResources.V0003_audit_sql,
            hash: "4ff8f24a1abe9f4aef772b35d758c23a94c0e8f395184d8f283afdc3b2e4b412"
        ),
        Migration(
            version: 4, name: "check_audit", sql: PackageResources.V0004_check_audit_sql,
            hash: "2ba480e1b16c3f3582d9ab77ec1ceb13f9fbe3ee1ae18de4fc80efac4c2dc556"
        ),
        Migration(
            version: 5, name: "tasks", sql: PackageResources.V0005_tasks_sql,
            hash: "6be53995b9e9beedd8b36410a12bab58d2d48fea9b8c52196290da8ba4d41a78"
        ),
        Migration(
            version: 6, name: "status_lists", sql: PackageResources.V0006_status_lists_sql,
            hash: "6bbb0dbf3336a916872029d3e6272e75a0c4ff3af57fcb725f720bab03fce0f9"
        ),
        Migration(
            version: 7, name: "event_streams", sql: PackageResources.V0007_event_streams_sql,
            hash: "13deb660f7c431b38ff3c73bd382683e053151603f672c086ad92dc12dcf30eb"
        ),
        Migration(
            version: 8, name: "root_keys", sql: PackageResources.V0008_root_keys_sql,
            hash: "d9bec1ca5feae539c9af234180f42a808a4106d25966d839f1765f7275aae92d"
        ),
        Migration(
            version: 9, name: "secrets", sql: PackageResources.V0009_secrets_sql,
            hash: "09aea684248f2bf0d6f176bb0f1e959e7fc792d1bfc8b44630f790e322524bcb"
        ),
        Migration(
            version: 10, name: "rotations", sql: PackageResources.V0010_rotations_sql,
            hash: "53c788e3da27f0f12227937673f648863704b37c749cef7a59d7105d97624f56"
        ),
        Migration(
            version: 11, name: "connections", sql: PackageResources.V0011_connections_sql,
            hash: "5815d518d53242c8ec53ae4314cf44a35dab45af7c22ecf608f8f4938b611f4c"
        ),
        Migration(
            version: 12, name: "wraps_and_canaries", sql: PackageResources.V0012_wraps_and_canaries_sql,
            hash: "ef641e285b08992bae0d2c5100e680da206a73b4da81b513519af270d8933a32"
        ),
        Migration(
            version: 13, name: "public_keys", sql: PackageResources.V0013_public_keys_sql,
            hash: "1e912334049ee20d2dd77582017585bad795cb989052e2133e2ac62f7bcfeb6c"
        ),
        Migration(
            version: 14, name: "sealed_tables", sql: PackageResources.V0014_sealed_tables_sql,
            hash: "0fca129b747b43f2e90ba3bc66f8c0fa9013eabf1a9ec6ca0f2e9b92aed184c0"
        ),
        Migration(
            version: 15, name: "client_certificates", sql: PackageResources.V0015_client_certificates_sql,
            hash: "bc04cf312b8d3ee568f21611d0730250eda0a1d135c5db9be8e3ade3c3907ea0"
        ),
        Migration(
            version: 16, name: "dpop", sql: PackageResources.V0016_dpop_sql,
            hash: "4102fd50386365b621c192fcbdde5beaaa3f87b15ae68d8b24865d059898e60f"
        ),
        Migration(
            version: 17, name: "authorization_details", sql: PackageResources.V0017_authorization_details_sql,
            hash: "381c336b0a5e529868715891223808b352657c8cec67e43271ff2ba0993c7622"
        ),
        Migration(
            version: 18, name: "keys", sql: PackageResources.V0018_keys_sql,
            hash: "d3754a5ea8a1bcb11b2ac12aeeb07b0e91f208881591165c5962bc4d7f00b4dc"
        ),
        Migration(
            version: 19, name: "workloads", sql: PackageResources.V0019_workloads_sql,
            hash: "363585bd67bc35e69e5a13595d0bb776d65c1e377c186d89a278e40892a709bc"
        ),
        Migration(
            version: 20, name: "audit_targets", sql: PackageResources.V0020_audit_targets_sql,
            hash: "9e945819057315a9e672593e1c59580be4dfab4be88ed68bdf86d0880f998984"
        ),
        Migration(
            version: 21, name: "pending_secrets", sql: PackageResources.V0021_pending_secrets_sql,
            hash: "383d141a3e08a6fc78478d695b0f02a1b16cccd003bd4e6b8c0033aa3940b739"
        ),
        Migration(
            version: 22, name: "last_issued", sql: PackageResources.V0022_last_issued_sql,
            hash: "5aebb210e78b43e8cd5bd10af3b35fb004d6b86ec1ada5e59ea8833307684c83"
        ),
    ]

    /// Applies what is missing, each migration in a transaction of its own.
    ///
    /// - Throws: `StorageError` when the database was migrated by a newer version, or with other migrations.
    static func migrate(_ database: Database, path: String, _ migrations: [Migration] = migrations) throws {
        let applied = try applied(in: database, path: path)
        for (position, done) in applied.enumerated() {
            guard position < migrations.count else {
                throw StorageError.newerSchema(found: applied.count, known: migrations.count)
            }
            let known = migrations[position]
            guard done == Applied(version: known.version, name: known.name, hash: known.hash) else {
                throw StorageError.changedMigration(version: done.version, name: done.name)
            }
        }
        for migration in migrations.dropFirst(applied.count) {
            guard migration.actualHash == migration.hash else {
                throw StorageError.changedMigration(version: migration.version, name: migration.name)
            }
            try database.inTransaction(.immediate) {
                try database.execute(sql: String(decoding: migration.sql, as: UTF8.self))
                try database.run(
                    "INSERT INTO schema_migrations (version, name, hash, applied_at) VALUES (?, ?, ?, ?)"
                ) { row in
                    row.add(migration.version)
                    row.add(migration.name)
                    row.add(migration.hash)
                    row.add(Int64(Date().timeIntervalSince1970 * 1000))
                }
                return .commit
            }
        }
    }

    private struct Applied: Equatable {
        let version: Int
        let name: String
        let hash: String
    }

    /// What was applied so far, oldest first. In an empty database nothing was.
    private static func applied(in database: Database, path: String) throws -> [Applied] {
        let tables = try database.all("SELECT name FROM sqlite_master WHERE type = 'table'") { $0.text(0) }
        if !tables.contains("schema_migrations") {
            guard tables.isEmpty else { throw StorageError.notADatabase(path: path) }
            try database.execute(
                sql: """
                    CREATE TABLE schema_migrations (
                        version    INTEGER PRIMARY KEY CHECK (version >= 1),
                        name       TEXT NOT NULL UNIQUE,
                        hash       TEXT NOT NULL CHECK (length(hash) = 64),
                        applied_at INTEGER NOT NULL
                    ) STRICT
                    """
            )
        }
        return try database.all("SELECT version, name, hash FROM schema_migrations ORDER BY version") { row in
            Applied(version: row.number(0), name: row.text(1), hash: row.text(2))
        }
    }
}
