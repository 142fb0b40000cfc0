internal import Crypto

/// Keys made from a key: HKDF with SHA-256 (RFC 5869).
///
/// For what is random already. What a human chose needs a slow function first.
enum KeyDerivation {
    /// A key that only the same three inputs give again.
    ///
    /// - Parameters:
    ///   - salt: random, and not secret.
    ///   - info: what the key is for, and whatever it must be bound to.
    ///   - count: bytes of the key, at most 8160.
    static func derive(from key: Secret, salt: [UInt8], info: [UInt8], count: Int = 32) -> Secret {
        let derived = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key.key, salt: salt, info: info, outputByteCount: count
        )
        var bytes = unsafe derived.withUnsafeBytes { unsafe [UInt8]($0) }
        defer { wipe(&bytes) }
        return Secret(bytes)
    }
}
