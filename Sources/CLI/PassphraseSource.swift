import Glibc
import Vault

/// Where a passphrase comes from. It never stands on a command line or in an environment variable, which others can
/// read.
///
/// Only the first line counts, without its end: editors and `echo` leave one behind.
enum PassphraseSource: Equatable, Sendable {
    /// A file, or standard input for `-`.
    case file(String)
    /// A file descriptor that whoever started the process left open.
    case descriptor(Int32)

    /// The name under which systemd hands it over (`LoadCredential=legate-passphrase:…`).
    static let credentialName = "legate-passphrase"
    /// Bytes.
    private static let longest = 1024

    /// The source that the configuration and the environment name, the most particular first; nil for none.
    static func find(file: String?, descriptor: Int32?, environment: [String: String]) -> PassphraseSource? {
        if let descriptor { return .descriptor(descriptor) }
        if let file { return .file(file) }
        guard let directory = environment["CREDENTIALS_DIRECTORY"], !directory.isEmpty else { return nil }
        let path = directory + "/" + credentialName
        return unsafe access(path, F_OK) == 0 ? .file(path) : nil
    }

    /// Reads the passphrase.
    ///
    /// - Throws: `ConfigurationError` when the source cannot be read, is empty or too long.
    func read() throws(ConfigurationError) -> Secret {
        switch self {
        case .file("-"): return try Self.line(from: STDIN_FILENO, "passphrase-file", "standard input")
        case .file(let path):
            let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw ConfigurationError("passphrase-file", "cannot be read: \(path)") }
            defer { _ = close(descriptor) }
            return try Self.line(from: descriptor, "passphrase-file", path)
        case .descriptor(let descriptor):
            // Read once: whoever comes later finds nothing there.
            defer { if descriptor > STDERR_FILENO { _ = close(descriptor) } }
            return try Self.line(from: descriptor, "passphrase-fd", "file descriptor \(descriptor)")
        }
    }

    /// Whether group or others may read the file.
    var isReadableByOthers: Bool {
        guard case .file(let path) = self else { return false }
        return Files.isReadableByOthers(path)
    }

    private static func line(
        from descriptor: Int32, _ field: String, _ name: String
    ) throws(ConfigurationError) -> Secret {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(longest + 2)
        defer { for index in bytes.indices { bytes[index] = 0 } }
        var byte: UInt8 = 0
        while bytes.count <= longest {
            let count = unsafe Glibc.read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw ConfigurationError(field, "\(name) cannot be read") }
            if count == 0 || byte == 0x0A { break }
            bytes.append(byte)
        }
        if bytes.last == 0x0D { bytes.removeLast() }
        guard !bytes.isEmpty else { throw ConfigurationError(field, "\(name) holds no passphrase") }
        guard bytes.count <= longest else {
            throw ConfigurationError(field, "the passphrase in \(name) is longer than \(longest) bytes")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw ConfigurationError(field, "the passphrase in \(name) is not UTF-8")
        }
        return Secret(bytes)
    }
}
