import GRDB
import Vault

/// What a backup takes of the tables of keys, so that it can be opened before they are there.
enum BackupLockRecord {
    /// The newest term as each root key wraps it.
    static func read(from database: Database) throws -> BackupLock {
        let terms = try VaultRecord.terms(in: database)
        guard let newest = terms.map(\.number).max() else { throw VaultError.noTerms }
        return BackupLock(
            term: newest, slots: try RootKeyRecord.all(in: database), wraps: terms.filter { $0.number == newest }
        )
    }
}
