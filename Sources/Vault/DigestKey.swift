internal import Crypto
internal import FoundationEssentials

/// The key under which client secrets are digested before they are stored.
///
/// Who reads the database without this key can neither use a stored digest nor test guesses against it. The digest is
/// HMAC-SHA-256 (RFC 2104), bound to the client: a digest moved to another client's row matches nothing there.
package struct DigestKey: Sendable, Redacted {
    /// Has taken in the key, which is half the work of a digest; every digest starts from a copy.
    private let prepared: HMAC<SHA256>

    /// - Parameter secret: the bytes that `generateBytes` made, as opened from the vault.
    package init(_ secret: Secret) {
        prepared = HMAC(key: secret.key)
    }

    /// The bytes of a new key, to be sealed and stored; whoever asks for them wipes them.
    package static func generateBytes() -> [UInt8] {
        randomBytes(32)
    }

    /// The 32 bytes to store for a secret.
    ///
    /// - Parameter context: whose secret it is: the client's id.
    package func digest(of secret: String, context: String) -> [UInt8] {
        Array(code(of: secret, context: context))
    }

    /// Whether the presented secret is one of those whose digests are stored.
    ///
    /// Every digest is compared, each in constant time: how long it takes says neither which one matched nor how far.
    /// Without any digest the answer is no, after the same work.
    package func matches(_ secret: String, context: String, digests: [[UInt8]]) -> Bool {
        match(secret, context: context, digests: digests) != nil
    }

    /// The position of the digest that is the presented secret's, found as by `matches`.
    package func match(_ secret: String, context: String, digests: [[UInt8]]) -> Int? {
        let presented = code(of: secret, context: context)
        var found: Int?
        for (position, digest) in digests.enumerated() {
            let equal = presented == digest
            found = equal ? position : found
        }
        return found
    }

    private func code(of presented: String, context: String) -> HMAC<SHA256>.MAC {
        var message: [UInt8] = []
        message.reserveCapacity(8 + context.utf8.count + presented.utf8.count)
        message.append(lengthPrefixed: context)
        message.append(contentsOf: presented.utf8)
        defer { wipe(&message) }
        var hmac = prepared
        hmac.update(data: message)
        return hmac.finalize()
    }
}
