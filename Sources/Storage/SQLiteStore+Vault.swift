import GRDB
package import OAuth
package import Vault

extension SQLiteStore {
    package func settings() async throws -> [String: String] {
        try await pool.read { try SettingRecord.all(in: $0) }
    }

    package func setting(_ name: String) async throws -> String? {
        try await pool.read { try SettingRecord.value(name, in: $0) }
    }

    package func setSetting(_ name: String, to value: String) async throws {
        try await pool.write { try SettingRecord.set(name, to: value, in: $0) }
    }

    package func vaultKeys() async throws -> [String: [UInt8]] {
        try await pool.read { try VaultRecord.keys(in: $0) }
    }

    package func initialise(
        issuer: String, rootKey: RootKeySlot, term: WrappedTerm, vaultKeys: [String: [UInt8]],
        signingKeys: [StoredSigningKey], objects: [RegistryObject], audit: [AuditEvent],
        seal: @Sendable (AuditHead) -> [UInt8]
    ) async throws {
        try await pool.write { database in
            guard try SettingRecord.value(SettingRecord.issuer, in: database) == nil else {
                throw StorageError.alreadyInitialised
            }
            try SettingRecord.set(SettingRecord.issuer, to: issuer, in: database)
            try RootKeyRecord.insert(rootKey, into: database)
            try VaultRecord.insert(term, into: database)
            for (name, box) in vaultKeys { try VaultRecord.insert(key: box, named: name, into: database) }
            for key in signingKeys { try SigningKeyRecord.insert(key, into: database) }
            for object in objects { try RegistryWriter.create(object, in: database) }
            var writer = try AuditWriter(database, chain: AuditChain(head: .genesis))
            for event in audit { try writer.append(event) }
            // Also without any record: a trail that never began can then be told from one that was removed.
            try AuditHeadRecord.write(writer.chain.head, code: seal(writer.chain.head), to: database)
        }
    }
}
