internal import Crypto
internal import JOSE

/// What stands in front of the encrypted content of a backup: what is needed to open it with the root key or a
/// passphrase, and nothing that is secret.
///
/// The file begins with 14 bytes of magic, the format's number, the cipher suite's number and the length of the JSON in 4
/// bytes. All of it goes into the key of the content, so that a header with one bit changed opens nothing.
package struct BackupHeader: Sendable, Equatable {
    /// The issuer whose backup it is.
    package let issuer: String
    /// When it was made, in milliseconds since 1970.
    package let createdAt: Int64
    /// Bytes of the content before it is encrypted.
    package let contentSize: Int64
    /// What opens the key.
    package let lock: BackupLock
    /// Random bytes that make this file's key its own.
    private let salt: [UInt8]
    /// All of it as it lies in the file.
    package let bytes: [UInt8]

    static let magic = Array("LEGATE-BACKUP\n".utf8)
    package static let format: UInt8 = 1
    /// HKDF-SHA-256 and AES-256-GCM in chunks of 64 KiB.
    static let suite: UInt8 = 1
    static let saltLength = 32
    /// Bytes of magic, format, suite and length.
    package static let preambleLength = 20
    /// Bytes that the JSON may have.
    static let longest = 1 << 20
    /// Bytes of content: far more than there will be, and far from where numbers end.
    static let mostContent: Int64 = 1 << 60

    /// The header of a new backup, with a salt of its own.
    package init(issuer: String, createdAt: Int64, content: Int64?, lock: BackupLock) throws(BackupError) {
        guard let content, (0..<Self.mostContent).contains(content) else {
            throw .malformedContent("more than a file can hold")
        }
        self.issuer = issuer
        self.createdAt = createdAt
        contentSize = content
        self.lock = lock
        salt = randomBytes(Self.saltLength)
        let document: JSONObject = [
            "issuer": .string(issuer), "created_at": .integer(createdAt), "content_size": .integer(content),
            "salt": .string(Base64URL.encode(salt)), "lock": .object(lock.document),
        ]
        let text = document.serialized
        var bytes = Self.magic + [Self.format, Self.suite]
        bytes.append(bigEndian: UInt32(clamping: text.count))
        self.bytes = bytes + text
    }

    /// How many bytes follow the preamble before the content begins.
    ///
    /// - Throws: `BackupError.notABackup`, `.newerFormat`, `.malformedHeader`.
    package static func length(after preamble: [UInt8]) throws(BackupError) -> Int {
        guard preamble.count == preambleLength, preamble.starts(with: magic) else { throw .notABackup }
        let rest = preamble.dropFirst(magic.count)
        guard let format = rest.first, format == Self.format else { throw .newerFormat(version: rest.first ?? 0) }
        guard rest.dropFirst().first == suite else { throw .malformedHeader(member: "the cipher suite") }
        let length = rest.dropFirst(2).reduce(0) { $0 << 8 | Int($1) }
        guard (1...longest).contains(length) else { throw .malformedHeader(member: "its length") }
        return length
    }

    /// Reads the preamble and the JSON behind it.
    package init(preamble: [UInt8], json text: [UInt8]) throws(BackupError) {
        guard try Self.length(after: preamble) == text.count else { throw .malformedHeader(member: "its length") }
        guard let document = (try? JSON(parsing: text))?.object else { throw .malformedHeader(member: "its JSON") }
        guard let issuer = document["issuer"]?.string else { throw .malformedHeader(member: "issuer") }
        guard let createdAt = document["created_at"]?.integer else { throw .malformedHeader(member: "created_at") }
        guard let size = document["content_size"]?.integer, (0..<Self.mostContent).contains(size) else {
            throw .malformedHeader(member: "content_size")
        }
        guard let salt = document["salt"]?.string.flatMap({ Base64URL.decode($0) }), salt.count == Self.saltLength
        else {
            throw .malformedHeader(member: "salt")
        }
        guard let lock = document["lock"]?.object else { throw .malformedHeader(member: "lock") }
        self.issuer = issuer
        self.createdAt = createdAt
        contentSize = size
        self.salt = salt
        self.lock = try BackupLock(document: lock)
        bytes = preamble + text
    }

    /// Bytes of the whole file.
    package var fileLength: Int64 { Int64(bytes.count) + BackupCipher.sealedLength(of: contentSize) }

    /// Encrypts the content.
    ///
    /// - Throws: `BackupError.unknownTerm` when the ring does not hold the lock's term.
    package func sealer(with keyring: Keyring) throws(BackupError) -> BackupSealer {
        BackupSealer(key: try key(with: keyring))
    }

    /// Decrypts the content.
    ///
    /// - Throws: `BackupError.unknownTerm` when the ring does not hold the lock's term.
    package func opener(with keyring: Keyring) throws(BackupError) -> BackupOpener {
        BackupOpener(key: try key(with: keyring))
    }

    private func key(with keyring: Keyring) throws(BackupError) -> Secret {
        let info = Array("legate backup content".utf8) + Array(SHA256.hash(data: bytes))
        guard let key = keyring.derivedKey(term: lock.term, salt: salt, info: info) else {
            throw .unknownTerm(lock.term)
        }
        return key
    }
}
