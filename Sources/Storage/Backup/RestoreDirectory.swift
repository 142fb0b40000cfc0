import FoundationEssentials
package import Vault

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A data directory in the making: a backup is unpacked and checked in a folder within it, and put in place when
/// everything about it is right.
///
/// The database comes last, so that a restore that was cut short leaves no installation; it can be started again.
package struct RestoreDirectory: Sendable {
    private let path: String
    /// Where it is unpacked.
    package let folder: String

    private static let folderName = "restoring"

    /// Makes the directory when it is missing, and an empty folder in it.
    ///
    /// - Throws: `StorageError.occupied` when there is anything in it but what an earlier restore left behind.
    package init(path: String) throws {
        self.path = path
        folder = path + "/" + Self.folderName
        try DataDirectory.make(path)
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        var leftovers: Set = ["lost+found", DataDirectory.lockName]
        // The archives alone are in place when a restore was cut short between its last two steps.
        if names.contains(Self.folderName) { leftovers.formUnion([Self.folderName, BackupManifest.archives]) }
        if let other = names.first(where: { !leftovers.contains($0) }) {
            throw StorageError.occupied(directory: path, by: other)
        }
        if names.contains(Self.folderName) {
            try Self.remove(path + "/" + BackupManifest.archives)
            try Self.remove(folder)
        }
        try DataDirectory.make(folder)
    }

    /// Where the database is until it is put in place.
    package var database: String { folder + "/" + BackupManifest.database }

    /// Unpacks a backup into the folder.
    ///
    /// - Returns: the files, in the order in which they lie in it.
    /// - Throws: `BackupError`, `StorageError`.
    package func unpack(_ file: consuming BackupFile, with keyring: Keyring) throws -> [BackupManifest.File] {
        var unpacker = BackupUnpacker(folder: folder)
        try file.content(with: keyring) { try unpacker.take($0) }
        return try unpacker.finish()
    }

    /// Puts everything in place, and makes it durable.
    package func place() throws {
        FaultPoint.restoreVerified.pass()
        // What opening the database for the checks has made, and what a moved database must not come with.
        for name in [DataDirectory.lockName, BackupManifest.database + "-wal", BackupManifest.database + "-shm"] {
            try Self.remove(folder + "/" + name)
        }
        try DataDirectory.synchronize(database)
        try DataDirectory.synchronize(folder)
        let archives = folder + "/" + BackupManifest.archives
        if unsafe access(archives, F_OK) == 0 {
            try DataDirectory.synchronize(archives)
            try Self.move(archives, to: path + "/" + BackupManifest.archives)
            try DataDirectory.synchronize(path)
        }
        FaultPoint.restoreArchivesPlaced.pass()
        try Self.move(database, to: path + "/" + BackupManifest.database)
        try DataDirectory.synchronize(path)
        try Self.remove(folder)
    }

    /// Removes what was unpacked.
    package func discard() { try? Self.remove(folder) }

    private static func move(_ source: String, to target: String) throws {
        // Nothing that appeared in the meantime is written over.
        guard unsafe access(target, F_OK) != 0 else { throw StorageError.occupied(directory: target, by: target) }
        guard unsafe rename(source, target) == 0 else { throw StorageError.last("rename", source) }
    }

    private static func remove(_ path: String) throws {
        guard unsafe access(path, F_OK) == 0 else { return }
        try FileManager.default.removeItem(atPath: path)
    }
}
