internal import Crypto
internal import FoundationEssentials

/// An encrypted value as it lies in the database.
///
/// The bytes are: format version (1 byte, always 1), number of the term that sealed it (4 bytes, most significant
/// first), nonce (12 bytes), ciphertext, tag (16 bytes). The cipher is AES-256-GCM (NIST SP 800-38D); version, term and
/// place are authenticated too.
package struct SealedBox: Sendable, Equatable {
    /// The whole box, ready to be stored.
    package let bytes: [UInt8]
    /// The number of the term whose key opens the box.
    package let term: Int

    /// The only format there is so far.
    static let format: UInt8 = 1
    static let headerLength = 5
    static let overhead = headerLength + 12 + 16

    /// Reads a stored box. Says nothing about whether it opens.
    ///
    /// - Throws: `VaultError.malformedBox` when the bytes are too short or of an unknown format.
    package init(bytes: [UInt8]) throws(VaultError) {
        guard bytes.count >= Self.overhead, bytes.first == Self.format else { throw .malformedBox }
        let term = bytes[1..<Self.headerLength].reduce(0) { $0 << 8 | UInt32($1) }
        guard term > 0, let number = Int(exactly: term) else { throw .malformedBox }
        self.bytes = bytes
        self.term = number
    }

    /// The bytes that name a term in the header of its boxes; no bytes when no box can be under it.
    package static func header(ofTerm term: Int) -> [UInt8] {
        guard let number = UInt32(exactly: term), number > 0 else { return [] }
        var bytes: [UInt8] = []
        bytes.append(bigEndian: number)
        return bytes
    }

    /// The number of the term that these bytes of a header name; 0 when they name none.
    package static func term(ofHeader bytes: [UInt8]) -> Int {
        guard bytes.count == headerLength - 1 else { return 0 }
        return Int(exactly: bytes.reduce(0) { $0 << 8 | UInt32($1) }) ?? 0
    }

    /// Seals a value with the key of a term.
    init(sealing plaintext: [UInt8], term: Int, key: Secret, at place: Place) throws(VaultError) {
        guard let number = UInt32(exactly: term), number > 0 else { throw .termOutOfRange(term) }
        var bytes = [Self.format]
        bytes.reserveCapacity(Self.overhead + plaintext.count)
        bytes.append(bigEndian: number)
        let sealed: AES.GCM.SealedBox
        do {
            sealed = try AES.GCM.seal(plaintext, using: key.key, authenticating: bytes + place.encoded)
        } catch {
            throw .cannotSeal(place: place.description)
        }
        guard let combined = sealed.combined else { throw .cannotSeal(place: place.description) }
        bytes.append(contentsOf: combined)
        self.bytes = bytes
        self.term = term
    }

    /// Opens the box with the key of its term.
    ///
    /// - Throws: `VaultError.cannotOpen` when the key, the place or any bit of the box is another one.
    func open(key: Secret, at place: Place) throws(VaultError) -> Secret {
        do {
            let sealed = try AES.GCM.SealedBox(combined: bytes[Self.headerLength...])
            var plaintext = try AES.GCM.open(
                sealed, using: key.key, authenticating: bytes[..<Self.headerLength] + place.encoded)
            defer { unsafe plaintext.withUnsafeMutableBytes { unsafe wipe($0) } }
            return Secret(copying: plaintext)
        } catch {
            throw .cannotOpen(place: place.description)
        }
    }
}
