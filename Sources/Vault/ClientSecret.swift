internal import JOSE

/// A secret that Legate makes for a client to authenticate with (RFC 6749, 2.3.1).
///
/// It has 256 bits of its own, so it needs no slow hash: it is shown once and kept as a keyed digest (`DigestKey`).
package struct ClientSecret {
    /// What every client secret starts with, so that scanners of source code and logs find one that was leaked.
    package static let prefix = "legate_cs_"

    /// A new random secret: the prefix and 43 characters of base64url.
    package static func generate() -> String {
        var bytes = randomBytes(32)
        defer { wipe(&bytes) }
        return prefix + Base64URL.encode(bytes)
    }
}
