internal import JOSE

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The one key that is not in the database: whoever holds it and the database can open everything.
///
/// It is 32 bytes, kept as one line of base64url in a file that only its owner can read (mode 0600). It seals the terms
/// of the keyring and nothing else.
package struct RootKey: Sendable {
    private let bytes: LockedBytes

    /// The key for one operation.
    var secret: Secret { bytes.secret }

    init(secret: Secret) {
        bytes = LockedBytes(secret)
    }

    /// Whether the key stays out of swap.
    package var isLocked: Bool { bytes.isLocked }

    static let length = 32
    /// What 32 bytes come to in unpadded base64url.
    static let encodedLength = 43

    /// A new random key that is in no file.
    package static func generate() -> RootKey {
        RootKey(secret: .random(count: length))
    }

    /// Reads the key file.
    ///
    /// - Throws: a `VaultError` when the file is missing, is not a plain file, belongs to another user, gives group or
    ///   others any permission, or does not hold exactly one key.
    package static func load(path: String) throws(VaultError) -> RootKey {
        // O_NONBLOCK: a named pipe in the key's place must not hang the server.
        let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT, ENOTDIR: throw .rootKeyMissing(path: path)
            case ELOOP, EMLINK, ENXIO: throw .rootKeyNotAFile(path: path)
            case let code: throw .rootKeyUnreadable(path: path, code: code)
            }
        }
        defer { _ = close(descriptor) }

        // The checks are made on the open file, so that nobody can swap it between check and use.
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .rootKeyUnreadable(path: path, code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .rootKeyNotAFile(path: path) }
        guard status.st_uid == geteuid() else { throw .rootKeyOwnedByAnother(path: path) }
        guard status.st_mode & 0o077 == 0 else {
            throw .rootKeyReadableByOthers(path: path, mode: Int(status.st_mode & 0o777))
        }

        var line = [UInt8](repeating: 0, count: encodedLength + 2)
        defer { wipe(&line) }
        let count = try fill(&line, from: descriptor, path: path)
        return try RootKey(line: line[..<count], path: path)
    }

    /// Writes a new random key to a new file of mode 0600, and makes it durable before it returns.
    ///
    /// Missing directories above it are created with mode 0700. An existing file is never written over.
    ///
    /// - Throws: `VaultError.rootKeyExists` when there already is something at the path, `.rootKeyUnwritable` when the
    ///   operating system refuses.
    package static func create(path: String) throws(VaultError) -> RootKey {
        let key = generate()
        try store(key, path: path)
        return key
    }

    /// Writes a key to a new file, as `create` does.
    static func store(_ key: RootKey, path: String) throws(VaultError) {
        let directory = parent(of: path)
        try createDirectories(directory, keyPath: path)
        let descriptor = unsafe open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            guard errno != EEXIST else { throw .rootKeyExists(path: path) }
            throw .rootKeyUnwritable(path: path, code: errno)
        }
        do throws(VaultError) {
            defer { _ = close(descriptor) }
            // A strange umask may have taken the owner's own bits away.
            guard fchmod(descriptor, 0o600) == 0 else { throw .rootKeyUnwritable(path: path, code: errno) }
            try key.write(to: descriptor, path: path)
            try synchronize(directory: directory, keyPath: path)
        } catch {
            // Half a key must not be taken for the key at the next start.
            _ = unsafe unlink(path)
            throw error
        }
    }

    /// Reads a key as it stands in a key file.
    ///
    /// - Throws: `VaultError.rootKeyMalformed` with `name` for its path.
    package init(text: Secret, name: String) throws(VaultError) {
        var line = text.withBytes { Array($0) }
        defer { wipe(&line) }
        try self.init(line: line[...], path: name)
    }

    /// Reads the key file, or creates it when there is none.
    ///
    /// - Throws: what `load` and `create` throw; a file that is there but not acceptable is never replaced.
    package static func loadOrCreate(path: String) throws(VaultError) -> (key: RootKey, created: Bool) {
        do {
            return (try load(path: path), false)
        } catch .rootKeyMissing {
            do {
                return (try create(path: path), true)
            } catch .rootKeyExists {
                return (try load(path: path), false)
            }
        }
    }
}

extension RootKey {
    private init(line: ArraySlice<UInt8>, path: String) throws(VaultError) {
        let text = line.last == UInt8(ascii: "\n") ? line.dropLast() : line
        guard text.count == Self.encodedLength, var bytes = Base64URL.decode(text), bytes.count == Self.length else {
            throw .rootKeyMalformed(path: path)
        }
        self.init(secret: Secret(bytes))
        wipe(&bytes)
    }

    private static func fill(_ buffer: inout [UInt8], from descriptor: Int32, path: String) throws(VaultError) -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = unsafe buffer.withUnsafeMutableBytes { memory in
                unsafe read(descriptor, memory.baseAddress.map { unsafe $0 + filled }, memory.count - filled)
            }
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw .rootKeyUnreadable(path: path, code: errno)
            }
            filled += count
        }
        return filled
    }

    private func write(to descriptor: Int32, path: String) throws(VaultError) {
        var line = secret.withBytes { Array(Base64URL.encode($0).utf8) } + [UInt8(ascii: "\n")]
        defer { wipe(&line) }
        var written = 0
        while written < line.count {
            let count = unsafe line.withUnsafeBytes { memory in
                unsafe Self.systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: memory[written...]))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw .rootKeyUnwritable(path: path, code: errno)
            }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw .rootKeyUnwritable(path: path, code: errno) }
    }

    /// The system's `write`, which the method of the same name hides.
    private static func systemWrite(_ descriptor: Int32, _ memory: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            unsafe Glibc.write(descriptor, memory.baseAddress, memory.count)
        #elseif canImport(Musl)
            unsafe Musl.write(descriptor, memory.baseAddress, memory.count)
        #else
            unsafe Darwin.write(descriptor, memory.baseAddress, memory.count)
        #endif
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        let directory = path[..<slash]
        return directory.isEmpty ? "/" : String(directory)
    }

    /// Creates the directory and those above it that are missing, each readable by the owner only.
    private static func createDirectories(_ directory: String, keyPath: String) throws(VaultError) {
        if unsafe mkdir(directory, 0o700) == 0 {
            try synchronize(directory: parent(of: directory), keyPath: keyPath)
            return
        }
        switch errno {
        case EEXIST:
            return
        case ENOENT where parent(of: directory) != directory:
            try createDirectories(parent(of: directory), keyPath: keyPath)
            guard unsafe mkdir(directory, 0o700) == 0 || errno == EEXIST else {
                throw .rootKeyUnwritable(path: keyPath, code: errno)
            }
            try synchronize(directory: parent(of: directory), keyPath: keyPath)
        case let code:
            throw .rootKeyUnwritable(path: keyPath, code: code)
        }
    }

    /// Makes a new name in the directory survive a loss of power.
    static func synchronize(directory: String, keyPath: String) throws(VaultError) {
        let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .rootKeyUnwritable(path: keyPath, code: errno) }
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .rootKeyUnwritable(path: keyPath, code: errno) }
    }
}
