/// A signing key as storage keeps it: sealed, with the times that decide its state.
package struct StoredSigningKey: Sendable, Equatable {
    /// Where a key comes from.
    package enum Origin: String, Sendable {
        /// Legate made it.
        case made
        /// An operator brought it. The schedule leaves it alone.
        case imported
    }

    /// The RFC 7638 thumbprint.
    package let keyID: String
    package let algorithm: String
    /// The private key in a sealed box bound to this row; the public half once the private one is erased.
    package let box: [UInt8]
    package let createdAt: Timestamp
    /// From when on tokens are signed with it. Until then it is only published.
    package let activeFrom: Timestamp
    package var revokedAt: Timestamp?
    /// The public half as a JWK (RFC 7517), for a server that cannot open the box; nil in rows of an earlier version, and
    /// of a key that is published no more.
    package var publicKey: String?
    package let origin: Origin
    /// When the private half was erased.
    package var erasedAt: Timestamp?

    package init(
        keyID: String, algorithm: String, box: [UInt8], createdAt: Timestamp, activeFrom: Timestamp,
        revokedAt: Timestamp? = nil, publicKey: String? = nil, origin: Origin = .made, erasedAt: Timestamp? = nil
    ) {
        self.keyID = keyID
        self.algorithm = algorithm
        self.box = box
        self.createdAt = createdAt
        self.activeFrom = activeFrom
        self.revokedAt = revokedAt
        self.publicKey = publicKey
        self.origin = origin
        self.erasedAt = erasedAt
    }
}
