internal import Crypto
internal import FoundationEssentials

/// How the content of a backup is encrypted: in chunks, each AES-256-GCM (NIST SP 800-38D) under one key that no other
/// file has.
///
/// The nonce of a chunk is its number in 11 bytes and one byte that says whether it is the last (STREAM: Hoang,
/// Reyhanitabar, Rogaway, Vizár, 2015). So a chunk that is left out, repeated, moved or cut off does not open where it
/// is looked for, and an end that is not the end is seen.
enum BackupCipher {
    /// Bytes of plaintext in every chunk but the last, which may have fewer.
    static let chunk = 65_536
    static let tag = 16

    /// The chunk encrypted, its tag behind it.
    static func seal(_ plaintext: some Collection<UInt8>, nonce: [UInt8], key: Secret, binding: [UInt8] = [])
        throws -> [UInt8]
    {
        let box = try AES.GCM.seal(
            Array(plaintext), using: key.key, nonce: AES.GCM.Nonce(data: nonce), authenticating: binding
        )
        return Array(box.ciphertext) + Array(box.tag)
    }

    /// What `seal` was given.
    ///
    /// - Throws: when key, nonce, binding or any bit is another one.
    static func open(_ sealed: some Collection<UInt8>, nonce: [UInt8], key: Secret, binding: [UInt8] = [])
        throws -> [UInt8]
    {
        let box = try AES.GCM.SealedBox(
            nonce: AES.GCM.Nonce(data: nonce), ciphertext: Array(sealed.dropLast(tag)), tag: Array(sealed.suffix(tag))
        )
        return Array(try AES.GCM.open(box, using: key.key, authenticating: binding))
    }

    /// The nonce of a chunk.
    static func nonce(_ number: UInt64, isLast: Bool) -> [UInt8] {
        var nonce: [UInt8] = [0, 0, 0]
        nonce.append(bigEndian: number)
        nonce.append(isLast ? 1 : 0)
        return nonce
    }

    /// How long the encrypted content is.
    ///
    /// - Parameter plaintext: its length before, from 0 to far below the end of numbers (`BackupHeader.mostContent`).
    static func sealedLength(of plaintext: Int64) -> Int64 {
        let size = Int64(chunk)
        let chunks = max(1, plaintext / size + (plaintext % size == 0 ? 0 : 1))
        return plaintext + chunks * Int64(tag)
    }
}
