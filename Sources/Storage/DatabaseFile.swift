import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The database file by a descriptor of our own, to sync what SQLite's connections wrote.
///
/// It stays open as long as any of them: closing a file gives up every lock that this process has on it.
final class DatabaseFile: Sendable {
    private let path: String
    private let descriptor: Mutex<Int32?>

    init(path: String) throws(StorageError) {
        let descriptor = unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw .last("open", path) }
        self.path = path
        self.descriptor = Mutex(descriptor)
    }

    deinit { release() }

    /// Returns when what was written before is on the disk. The others' own syncs have less to do then; each still
    /// learns by itself when the disk fails.
    func synchronize() throws(StorageError) {
        guard let descriptor = descriptor.withLock({ $0 }) else { return }
        guard fdatasync(descriptor) == 0 else { throw .last("write", path) }
    }

    /// To be called when the last connection is closed.
    func release() {
        descriptor.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }
}
