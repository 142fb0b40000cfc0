internal import Crypto
internal import FoundationEssentials

/// Plaintext that must not leave by accident: a key, a token, a password.
///
/// It is not `Codable`, prints as `[redacted]` wherever Swift turns a value into text, compares in constant time, and
/// its memory is overwritten when the last copy is dropped (the storage of swift-crypto's `SymmetricKey` does that).
package struct Secret: Sendable, Redacted {
    /// The same bytes as a key for swift-crypto, without a copy.
    let key: SymmetricKey

    /// Takes a copy of the bytes; whoever passes them wipes the original.
    package init(_ bytes: [UInt8]) {
        key = SymmetricKey(data: bytes)
    }

    /// Takes a copy of what a cipher has just opened.
    init(copying data: Data) {
        key = SymmetricKey(data: data)
    }

    /// Takes a copy of bytes that stay where they are.
    init(copying bytes: UnsafeRawBufferPointer) {
        key = unsafe SymmetricKey(data: bytes)
    }

    /// A secret made of `count` bytes from the system's random generator.
    static func random(count: Int) -> Secret {
        var bytes = randomBytes(count)
        defer { wipe(&bytes) }
        return Secret(bytes)
    }

    /// How many bytes the secret has.
    package var count: Int {
        unsafe key.withUnsafeBytes { $0.count }
    }

    /// Lends the bytes to `body` as a temporary copy, which is overwritten as soon as `body` returns.
    ///
    /// Do not let the array escape from `body`: what escapes is a copy of its own that nobody wipes.
    package func withBytes<R>(_ body: ([UInt8]) throws -> R) rethrows -> R {
        var copy = unsafe key.withUnsafeBytes { unsafe [UInt8]($0) }
        defer { wipe(&copy) }
        return try body(copy)
    }
}

extension Secret: Equatable {
    /// Compares in constant time; only the lengths may show.
    package static func == (left: Secret, right: Secret) -> Bool {
        left.key == right.key
    }
}

/// Bytes from the system's cryptographic random generator.
func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 7)
    while bytes.count < count { bytes.append(bigEndian: generator.next()) }
    bytes.removeLast(bytes.count - count)
    return bytes
}
