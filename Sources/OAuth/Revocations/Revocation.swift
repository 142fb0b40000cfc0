/// A tombstone: tokens with `iat ≤ issuedBefore` that carry the id are dead.
///
/// It is committed before the revoking call is answered, and forgotten once no live token can carry the id.
package struct Revocation: Sendable, Equatable {
    /// What is revoked. The raw value is the word of the API.
    package enum Kind: String, Sendable, CaseIterable {
        case client, agent, task, session, delegation, subject, issuer, key, token
    }

    /// Grows by one; zero until the ledger gave it a number.
    package var sequence: Int64
    package let kind: Kind
    package let id: String
    /// Whole seconds, like `iat`.
    package var issuedBefore: Int64
    package var expires: Timestamp
    package let reason: String?

    package init(
        sequence: Int64 = 0, kind: Kind, id: String, issuedBefore: Int64, expires: Timestamp, reason: String? = nil
    ) {
        self.sequence = sequence
        self.kind = kind
        self.id = id
        self.issuedBefore = issuedBefore
        self.expires = expires
        self.reason = reason
    }

    /// A tombstone for everything issued up to `now`, kept for the longest life that a token can have.
    package init(_ kind: Kind, _ id: String, at now: Timestamp, reason: String? = nil) {
        self.init(
            kind: kind, id: id, issuedBefore: now.seconds,
            expires: now.adding(seconds: TokenLifetime.ceiling + 1), reason: reason
        )
    }
}
