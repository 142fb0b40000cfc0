import Foundation
import GRDB
package import OAuth
package import Vault

extension SQLiteStore {
    /// A fact about the database itself, such as its issuer.
    package func setting(_ name: String) async throws -> String? {
        try await pool.read { try String.fetchOne($0, sql: "SELECT value FROM settings WHERE name = ?", arguments: [name]) }
    }

    package func keyringTerms() async throws -> [WrappedTerm] {
        try await pool.read { database in
            try Row.fetchAll(database, sql: "SELECT number, box, created_at FROM keyring_terms ORDER BY number").map { row in
                WrappedTerm(number: row[0], box: [UInt8](row[1] as Data), createdAt: row[2])
            }
        }
    }

    /// The vault's own keys by name, sealed.
    package func vaultKeys() async throws -> [String: [UInt8]] {
        try await pool.read { database in
            var keys: [String: [UInt8]] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT name, box FROM vault_keys") {
                keys[row[0]] = [UInt8](row[1] as Data)
            }
            return keys
        }
    }

    /// Everything that a new database begins with, in one transaction.
    package func initialise(
        issuer: String, term: WrappedTerm, vaultKeys: [String: [UInt8]], signingKeys: [StoredSigningKey],
        objects: [RegistryObject], audit events: [AuditEvent], seal: @Sendable (AuditHead) -> [UInt8]
    ) async throws {
        try await withoutActuallyEscaping(seal) { seal in
            try await pool.write { database in
                try database.execute(sql: "INSERT INTO settings (name, value) VALUES ('issuer', ?)", arguments: [issuer])
                try database.execute(
                    sql: "INSERT INTO keyring_terms (number, box, created_at) VALUES (?, ?, ?)",
                    arguments: [term.number, term.box.databaseBlob, term.createdAt]
                )
                for (name, box) in vaultKeys {
                    try database.execute(
                        sql: "INSERT INTO vault_keys (name, box) VALUES (?, ?)", arguments: [name, box.databaseBlob]
                    )
                }
                for key in signingKeys { try LedgerTables.insert(key, into: database) }
                for object in objects { try Self.create(object, in: database) }
                var chain = AuditChain(head: .genesis)
                let writer = try AuditTable.Writer(database)
                for event in events { try writer.insert(chain.append(event)) }
                try AuditTable.write(chain.head, code: seal(chain.head), to: database)
            }
        }
    }
}
