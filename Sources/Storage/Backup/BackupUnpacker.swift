import Vault

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes the files of a backup's content, which comes in pieces.
struct BackupUnpacker: ~Copyable {
    private let folder: String
    private var buffer: [UInt8] = []
    private var manifest: BackupManifest?
    private var index = 0
    private var left: Int64 = 0
    private var descriptor: Int32 = -1

    init(folder: String) { self.folder = folder }

    deinit { if descriptor >= 0 { close(descriptor) } }

    mutating func take(_ bytes: [UInt8]) throws {
        buffer += bytes
        if manifest == nil, let read = try readManifest() {
            manifest = read
            if try !open(0) { throw BackupError.malformedContent("it has no files") }
        }
        guard let manifest else { return }
        var start = 0
        while start < buffer.count {
            guard descriptor >= 0 else { throw BackupError.malformedContent("something follows its last file") }
            let count = Int(min(Int64(buffer.count - start), left))
            try write(buffer[start..<(start + count)])
            start += count
            left -= Int64(count)
            if left == 0 { try finishFile(of: manifest) }
        }
        buffer = []
    }

    mutating func finish() throws -> [BackupManifest.File] {
        guard let manifest, descriptor < 0, buffer.isEmpty, index == manifest.files.count else {
            throw BackupError.malformedContent("its last file is cut off")
        }
        return manifest.files
    }

    private mutating func readManifest() throws -> BackupManifest? {
        guard buffer.count >= 4 else { return nil }
        let length = buffer[..<4].reduce(0) { $0 << 8 | Int($1) }
        guard length <= BackupManifest.longest else {
            throw BackupError.malformedContent("its list of files is too long")
        }
        guard buffer.count >= 4 + length else { return nil }
        let manifest = try BackupManifest(parsing: Array(buffer[4..<(4 + length)]))
        buffer.removeFirst(4 + length)
        return manifest
    }

    /// Makes the next file; empty ones are finished at once. False when there is none.
    private mutating func open(_ next: Int) throws -> Bool {
        index = next
        guard let manifest, manifest.files.indices.contains(next) else { return false }
        let file = manifest.files[next]
        let path = folder + "/" + file.name
        try DataDirectory.make(DataDirectory.split(path).directory)
        descriptor = Self.systemOpen(path)
        guard descriptor >= 0 else { throw StorageError.last("create", path) }
        left = file.size
        if left == 0 { try finishFile(of: manifest) }
        return true
    }

    private mutating func finishFile(of manifest: BackupManifest) throws {
        let path = folder + "/" + manifest.files[index].name
        let done = descriptor
        descriptor = -1
        defer { close(done) }
        guard fsync(done) == 0 else { throw StorageError.last("write", path) }
        _ = try open(index + 1)
    }

    private func write(_ bytes: ArraySlice<UInt8>) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Self.systemWrite(descriptor, $0) }
            if count < 0 {
                if errno == EINTR { continue }
                throw StorageError.last("write", folder)
            }
            rest = rest.dropFirst(count)
        }
    }

    private static func systemOpen(_ path: String) -> Int32 {
        #if canImport(Glibc)
            unsafe Glibc.open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
        #elseif canImport(Musl)
            unsafe Musl.open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
        #else
            unsafe Darwin.open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
        #endif
    }

    private static func systemWrite(_ descriptor: Int32, _ memory: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            unsafe Glibc.write(descriptor, memory.baseAddress, memory.count)
        #elseif canImport(Musl)
            unsafe Musl.write(descriptor, memory.baseAddress, memory.count)
        #else
            unsafe Darwin.write(descriptor, memory.baseAddress, memory.count)
        #endif
    }
}
