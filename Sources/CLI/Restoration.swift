import Foundation
import JOSE
import Logging
import OAuth
import Server
import Storage
import Vault

/// What opens a backup on this machine.
struct RestoreKey {
    /// The path of the root key file, when there is no passphrase.
    let rootKey: String
    let passphrase: Secret?

    var source: RootKeySource { passphrase.map(RootKeySource.passphrase) ?? .file(path: rootKey) }
}

/// Unpacks a backup and checks it as a start of the server would, and more.
struct Restoration {
    let file: String
    let key: RestoreKey
    let directory: RestoreDirectory

    /// Checks everything; nothing is put in place.
    ///
    /// - Parameter isKept: whether it is going to be put in place: then its audit trail says so.
    /// - Returns: what was found, for the operator.
    func check(isKept: Bool) async throws -> JSONObject {
        let backup = try BackupFile(path: file)
        let header = backup.header
        let keyring = try await KeyringOpener.open(
            slots: header.lock.slots, terms: header.lock.wraps, source: key.source
        )
        let files = try directory.unpack(backup, with: keyring)
        let configuration = try await LegateConfiguration.read(
            flags: ["data": directory.folder, "root-key": key.rootKey], environment: [:], file: nil
        )
        let store = try await SQLiteStore.open(path: directory.database)
        do {
            try await store.checkIntegrity()
            let assembly = try await Assembly(
                configuration, store: store, metrics: Metrics(),
                logger: Logger(label: "legate") { _ in SwiftLogNoOpLogHandler() }
            )
            let server = try await assembly.open(passphrase: key.passphrase).server
            let trail = try await server.auditTrail.check()
            guard trail["valid"] == true else {
                throw CommandFailure("the audit trail in the backup is not whole: \(trail["problem"]?.string ?? "")")
            }
            let boxes = try await server.backupDesk.checkBoxes()
            if isKept {
                try await server.backupDesk.recordRestore(ofBackupAt: header.createdAt)
                try await store.skipRevocationNumbers()
            }
            try await store.close()
            return [
                "issuer": .string(header.issuer),
                "created_at": .string(RFC3339.text(Timestamp(milliseconds: header.createdAt))),
                "files": .integer(Int64(files.count)), "bytes": .integer(header.contentSize),
                "secrets": .integer(Int64(server.registry.secrets.all.count)), "sealed_boxes": .integer(Int64(boxes)),
                "audit_records": trail["records"] ?? .null, "audit_archives": trail["archives"] ?? .null,
            ]
        } catch {
            try? await store.close()
            throw error
        }
    }
}
