/// The key under which the head of the audit trail is authenticated.
///
/// Whoever can write the database but does not hold this key can cut records off the end, but cannot make the head
/// agree.
package struct AuditKey: Sendable {
    let secret: Secret

    /// - Parameter secret: the bytes that `generateBytes` made, as opened from the vault.
    package init(_ secret: Secret) {
        self.secret = secret
    }

    /// The bytes of a new key, to be sealed and stored; whoever asks for them wipes them.
    package static func generateBytes() -> [UInt8] {
        randomBytes(32)
    }
}
