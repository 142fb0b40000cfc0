import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The directory that holds the database, its archives and the lock that keeps a second process out.
///
/// Two processes would each link records to a head of their own.
final class DataDirectory: Sendable {
    let path: String
    private let lock: Mutex<Int32?>

    static let lockName = "legate.lock"

    /// Makes the directory, for its owner alone, when it is missing, and locks it until `release`.
    ///
    /// - Throws: `StorageError.inUse` when it is locked already, by this process or by another.
    init(path: String) throws(StorageError) {
        try Self.make(path)
        let lockPath = path + "/" + Self.lockName
        let descriptor = unsafe open(lockPath, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .last("open", lockPath) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw code == EWOULDBLOCK ? .inUse(directory: path) : .system(action: "lock", path: lockPath, code: code)
        }
        self.path = path
        lock = Mutex(descriptor)
    }

    deinit { release() }

    /// Lets another process in. Closing the file gives the lock back, as does the end of the process.
    func release() {
        lock.withLock { descriptor in
            if let held = descriptor { close(held) }
            descriptor = nil
        }
    }

    /// Makes sure that only the owner can read a file, which may be missing so far.
    static func makePrivateFile(_ path: String) throws(StorageError) {
        let descriptor = unsafe open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0 else { throw .last("protect", path) }
    }

    /// Makes a directory and those above it, each for the owner alone; what exists stays as it is.
    static func make(_ path: String) throws(StorageError) {
        if unsafe mkdir(path, 0o700) == 0 { return }
        switch errno {
        case EEXIST: return
        case ENOENT:
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { throw .last("create", path) }
            try make(String(path[..<slash]))
            guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last("create", path) }
        default: throw .last("create", path)
        }
    }

    /// Makes durable what was created, renamed or removed in a directory, or written to a file.
    static func synchronize(_ path: String) throws(StorageError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last("write", path) }
    }

    /// Directory and file of a path; without a slash it is in the current directory.
    static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        return (directory, String(path[path.index(after: slash)...]))
    }
}
