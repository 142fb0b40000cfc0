package import Vault

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A backup on this machine's disk, read from its beginning to its end.
package struct BackupFile: ~Copyable {
    package let header: BackupHeader
    private let path: String
    private let descriptor: Int32

    /// Opens the file and reads its header.
    ///
    /// - Throws: `StorageError` when it cannot be read, `BackupError` when it is no backup or its length is not the one
    ///   that its header says.
    package init(path: String) throws {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StorageError.last("open", path) }
        do {
            header = try Self.header(of: descriptor, path: path)
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    private static func header(of descriptor: Int32, path: String) throws -> BackupHeader {
        let preamble = try read(descriptor, BackupHeader.preambleLength, path: path)
        let json = try read(descriptor, try BackupHeader.length(after: preamble), path: path)
        let header = try BackupHeader(preamble: preamble, json: json)
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw StorageError.last("read", path) }
        // Said before hours of reading; what is really there is found out chunk by chunk.
        guard Int64(status.st_size) == header.fileLength else {
            throw StorageError.wrongLength(file: path, found: Int64(status.st_size), expected: header.fileLength)
        }
        return header
    }

    deinit { close(descriptor) }

    private static let piece = 1 << 20

    /// Hands over the decrypted content piece by piece.
    ///
    /// - Throws: `BackupError` when anything was changed. Only when it returns, what was handed over was whole.
    consuming func content(with keyring: Keyring, _ take: ([UInt8]) throws -> Void) throws {
        var opener = try header.opener(with: keyring)
        while true {
            let bytes = try Self.read(descriptor, Self.piece, path: path)
            if bytes.isEmpty { break }
            try take(try opener.open(bytes))
        }
        try take(try opener.finish())
    }

    /// Fewer bytes than asked for only at the end of the file.
    private static func read(_ descriptor: Int32, _ count: Int, path: String) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let done = unsafe bytes.withUnsafeMutableBytes { memory in
                unsafe Self.systemRead(descriptor, UnsafeMutableRawBufferPointer(rebasing: memory[filled...]))
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

    /// The system's `read`, which the function of the same name hides.
    private static func systemRead(_ descriptor: Int32, _ memory: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
            unsafe Glibc.read(descriptor, memory.baseAddress, memory.count)
        #elseif canImport(Musl)
            unsafe Musl.read(descriptor, memory.baseAddress, memory.count)
        #else
            unsafe Darwin.read(descriptor, memory.baseAddress, memory.count)
        #endif
    }
}
