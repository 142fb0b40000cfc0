import FoundationEssentials
import GRDB
import OAuth
import Vault

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The database as it was at one moment, in a file of its own, and the archives that it knew then.
///
/// Nothing in it is more readable than in the database itself: what is secret is sealed. It is there for as long as a
/// backup is written from it.
final class DatabaseCopy: BackupCopy {
    let lock: BackupLock
    let files: [BackupManifest.File]
    private let paths: [String]

    static let prefix = "backup-"
    static let ending = ".copy"

    private init(lock: BackupLock, files: [BackupManifest.File], paths: [String]) {
        self.lock = lock
        self.files = files
        self.paths = paths
    }

    deinit { Self.remove(paths.first) }

    /// Copies page by page beside everybody else: readers and writers go on, and what they change is not in the copy.
    static func make(of database: String, archives: AuditArchives, keys: (Database) throws -> BackupLock) throws
        -> DatabaseCopy
    {
        let directory = DataDirectory.split(database).directory
        let path = directory + "/" + prefix + Unguessable.text(bytes: 8) + ending
        do {
            try DataDirectory.makePrivateFile(path)
            var configuration = GRDB.Configuration()
            configuration.label = "legate.backup"
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            let source = try DatabaseQueue(path: database, configuration: configuration)
            defer { try? source.close() }
            // One transaction: the keys and the archives are those of the copy.
            let (lock, known) = try source.read { database in
                let known = (try keys(database), try AuditArchiveRecord.all(in: database))
                try copy(database, to: path)
                return known
            }
            var files = [BackupManifest.File(name: BackupManifest.database, size: try size(of: path))]
            var paths = [path]
            for archive in known {
                let file = archives.path(of: archive.file)
                files.append(
                    BackupManifest.File(name: BackupManifest.archives + "/" + archive.file, size: try size(of: file))
                )
                paths.append(file)
            }
            return DatabaseCopy(lock: lock, files: files, paths: paths)
        } catch {
            remove(path)
            throw error
        }
    }

    private static func copy(_ database: Database, to path: String) throws {
        let target = try DatabaseQueue(path: path)
        do {
            try target.writeWithoutTransaction { target in
                // It need not survive a crash.
                try target.execute(sql: "PRAGMA synchronous = OFF")
                try database.backup(to: target)
            }
            try target.close()
        } catch {
            try? target.close()
            throw error
        }
    }

    func read(_ file: Int, at offset: Int64, count: Int) async throws -> [UInt8] {
        guard paths.indices.contains(file), count > 0 else { return [] }
        let path = paths[file]
        return try await Blocking.run {
            let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { throw StorageError.last("open", path) }
            defer { close(descriptor) }
            var bytes = [UInt8](repeating: 0, count: count)
            var filled = 0
            while filled < count {
                let done = unsafe bytes.withUnsafeMutableBytes { memory in
                    unsafe pread(
                        descriptor, memory.baseAddress.map { unsafe $0 + filled }, count - filled,
                        off_t(offset) + off_t(filled)
                    )
                }
                if done == 0 { break }
                if done < 0 {
                    if errno == EINTR { continue }
                    throw StorageError.last("read", path)
                }
                filled += done
            }
            return Array(bytes.prefix(filled))
        }
    }

    func discard() async {
        let path = paths.first
        try? await Blocking.run { Self.remove(path) }
    }

    /// Removes what a crash left behind.
    static func removeAbandoned(in directory: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: directory)
        where name.hasPrefix(prefix) && name.contains(ending) {
            remove(directory + "/" + name)
        }
    }

    private static func remove(_ path: String?) {
        guard let path else { return }
        for ending in ["", "-journal", "-wal", "-shm"] { _ = unsafe unlink(path + ending) }
    }

    private static func size(of path: String) throws -> Int64 {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { throw StorageError.last("read", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw StorageError.malformedArchive(file: path, problem: "it is not a plain file")
        }
        return Int64(status.st_size)
    }
}
