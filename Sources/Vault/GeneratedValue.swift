internal import JOSE

/// A value that Legate makes for a secret by itself: base64url of random bytes, so that it can stand in any header, URL
/// or file.
package struct GeneratedValue {
    /// - Parameter count: random bytes, at least 16; the value has a third more characters.
    package static func generate(bytes count: Int) -> Secret {
        var bytes = randomBytes(max(16, count))
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count / 3 * 4 + 4)
        Base64URL.append(bytes, to: &text)
        defer {
            wipe(&bytes)
            wipe(&text)
        }
        return Secret(text)
    }
}
