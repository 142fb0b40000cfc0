/// A private key that somebody brings in a file of another program: an encrypted PKCS#8 key in PEM (RFC 5958, RFC 7468),
/// or a PKCS#12 file (RFC 7292).
package struct KeyFile: Sendable {
    package enum Kind: Sendable, Equatable {
        /// The scalar, 32 bytes.
        case p256
        /// The seed, 32 bytes.
        case ed25519
        /// PKCS #1 in DER.
        case rsa
    }

    package let kind: Kind
    package let privateKey: Secret

    /// Bytes. A PKCS#12 file with a long chain of certificates has a quarter of it.
    package static let longest = 32_768
    /// Rounds of key derivation that a file may ask for in all, seconds of work.
    package static let mostRounds = 5_000_000
    /// Bits. Longer keys sign too slowly for every token.
    package static let rsaSizes = 2_048...4_096
    /// Encrypted or public parts that are looked at.
    static let mostParts = 32

    /// Opens a file, on a thread of its own.
    ///
    /// - Throws: `KeyFileError`, or `KeyWorkBusy`.
    package static func open(_ file: [UInt8], passphrase: Secret) async throws -> KeyFile {
        guard (1...longest).contains(file.count) else { throw KeyFileError.unreadable }
        return try await KeyWork.shared.run {
            try passphrase.withBytes { passphrase in
                var found = try KeyFileReader.read(file, passphrase: passphrase)
                defer { wipe(&found.bytes) }
                return KeyFile(kind: found.kind, privateKey: Secret(found.bytes))
            }
        }
    }
}
