import GRDB
package import OAuth
package import Vault

extension SQLiteStore {
    package func commit(
        _ entries: [Entry], chain: AuditChain, seal: @Sendable (AuditHead) -> [UInt8]
    ) async throws -> CommitResult {
        // The closure does not outlive the call: the code of the head is made inside the one transaction.
        try await withoutActuallyEscaping(seal) { seal in
            try await pool.write { database in
                var chain = chain
                let start = chain.head
                var failures: [CommitFailure?] = []
                failures.reserveCapacity(entries.count)
                let audit = try AuditTable.Writer(database)
                for entry in entries {
                    failures.append(try Self.write(entry, to: database, audit: audit, chain: &chain))
                }
                if chain.head != start { try AuditTable.write(chain.head, code: seal(chain.head), to: database) }
                return CommitResult(failures: failures, chain: chain)
            }
        }
    }

    /// Writes one entry; when the stored state forbids it, nothing of it stays.
    private static func write(
        _ entry: Entry, to database: Database, audit: AuditTable.Writer, chain: inout AuditChain
    ) throws -> CommitFailure? {
        let before = chain
        do {
            if entry.changes.contains(where: \.canFail) {
                try database.inSavepoint {
                    for change in entry.changes { try apply(change, to: database) }
                    return .commit
                }
            } else {
                for change in entry.changes { try apply(change, to: database) }
            }
            for event in entry.audit { try audit.insert(chain.append(event)) }
            return nil
        } catch let failure as CommitFailure {
            chain = before
            return failure
        }
    }

    private static func apply(_ change: Change, to database: Database) throws {
        switch change {
        case .create(let object): try create(object, in: database)
        case .update(let object, let revision): try update(object, from: revision, in: database)
        case .delete(let object):
            let table = RegistryTable.table(of: object)
            let key = RegistryTable.keyValue(of: object)
            try database.cachedStatement(sql: table.delete).execute(arguments: [key])
            guard database.changesCount == 1 else { throw CommitFailure.missing(key) }
        case .revokeDelegation(let id, let time):
            try database.cachedStatement(
                sql: "UPDATE delegations SET revoked_at = ?, revision = revision + 1 WHERE delegation_id = ? AND revoked_at IS NULL"
            ).execute(arguments: [time.milliseconds, id.text])
            guard database.changesCount == 1 else { throw CommitFailure.missing(id.text) }
        case .revoke(let revocation): try LedgerTables.insert(revocation, into: database)
        case .close(let kind, let id, let until):
            try database.cachedStatement(
                sql: """
                    INSERT INTO closed_names (kind, id, until) VALUES (?, ?, ?)
                    ON CONFLICT (kind, id) DO UPDATE SET until = excluded.until
                    """
            ).execute(arguments: [kind.rawValue, id, until?.milliseconds])
        case .reopen(let kind, let id):
            try database.cachedStatement(sql: "DELETE FROM closed_names WHERE kind = ? AND id = ?")
                .execute(arguments: [kind.rawValue, id])
        case .spend(let spend):
            do {
                try database.cachedStatement(sql: "INSERT INTO spent (digest, expires) VALUES (?, ?)")
                    .execute(arguments: [spend.digest.databaseBlob, spend.expires.milliseconds])
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                throw CommitFailure.spent
            }
        case .addKey(let key): try LedgerTables.insert(key, into: database)
        case .revokeKey(let kid, let time):
            try database.cachedStatement(sql: "UPDATE signing_keys SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL")
                .execute(arguments: [time.milliseconds, kid])
        }
    }

    static func create(_ object: RegistryObject, in database: Database) throws {
        let table = RegistryTable.table(of: object)
        do {
            try database.cachedStatement(sql: table.insert).execute(arguments: RegistryTable.arguments(object))
        } catch let error as DatabaseError
            where [.SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY].contains(error.extendedResultCode)
        {
            throw CommitFailure.exists(RegistryTable.keyValue(of: object))
        }
        if case .client(let client) = object { try writeSecrets(of: client, to: database) }
    }

    private static func update(_ object: RegistryObject, from revision: Int, in database: Database) throws {
        let table = RegistryTable.table(of: object)
        let key = RegistryTable.keyValue(of: object)
        try database.cachedStatement(sql: table.update)
            .execute(arguments: RegistryTable.arguments(object) + [key, revision])
        guard database.changesCount == 1 else {
            let exists = try Bool.fetchOne(database, sql: table.exists, arguments: [key]) ?? false
            throw exists ? CommitFailure.stale(key) : CommitFailure.missing(key)
        }
        if case .client(let client) = object {
            try database.cachedStatement(sql: "DELETE FROM client_secrets WHERE client_id = ?").execute(arguments: [key])
            try writeSecrets(of: client, to: database)
        }
    }

    private static func writeSecrets(of client: Client, to database: Database) throws {
        for secret in client.secrets {
            try database.cachedStatement(sql: "INSERT INTO client_secrets (client_id, digest, expires_at) VALUES (?, ?, ?)")
                .execute(arguments: [client.id.text, secret.digest.databaseBlob, secret.expiresAt?.milliseconds])
        }
    }
}
