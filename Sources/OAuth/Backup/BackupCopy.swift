package import Vault

/// What storage has put aside for a backup: a copy of the database as it was at one moment, and what belongs to it.
package protocol BackupCopy: Sendable {
    /// What opens the backup on another machine, as it was at that moment.
    var lock: BackupLock { get }

    /// The files, in the order in which they are read.
    var files: [BackupManifest.File] { get }

    /// Some bytes of a file; fewer than asked for only at its end.
    func read(_ file: Int, at offset: Int64, count: Int) async throws -> [UInt8]

    /// Removes the copy. Harmless when it is gone.
    func discard() async
}
