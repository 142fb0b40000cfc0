import CZlib

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes a new gzip file that only the owner can read.
@safe struct GzipWriter: ~Copyable {
    private let path: String
    private let descriptor: Int32
    private var stream: gzFile?

    /// - Throws: `StorageError` when the file exists.
    init(path: String) throws(StorageError) {
        let descriptor = unsafe open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .last("create", path) }
        // zlib closes the descriptor that it is given; the file has to be synced after that.
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        // Level 4: most of the gain at half the work of the usual level 6.
        guard copy >= 0, let stream = unsafe gzdopen(copy, "wb4") else {
            let error = StorageError.last("write", path)
            if copy >= 0 { close(copy) }
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
        unsafe self.stream = unsafe stream
    }

    deinit {
        if let stream = unsafe stream { _ = unsafe gzclose(stream) }
        close(descriptor)
    }

    mutating func write(_ bytes: [UInt8]) throws(StorageError) {
        guard !bytes.isEmpty else { return }
        let count = UInt32(truncatingIfNeeded: bytes.count)
        let written = unsafe bytes.withUnsafeBytes { memory in
            unsafe gzwrite(stream, memory.baseAddress, count)
        }
        guard Int(written) == bytes.count else { throw .last("write", path) }
    }

    /// Ends the file and makes its content durable.
    mutating func finish() throws(StorageError) {
        guard let stream = unsafe stream else { return }
        unsafe self.stream = nil
        guard unsafe gzclose(stream) == Z_OK, fsync(descriptor) == 0 else { throw .last("write", path) }
    }
}
