/// A signing key as storage keeps it: sealed, with the times that decide its state.
package struct StoredSigningKey: Sendable, Equatable {
    /// The RFC 7638 thumbprint.
    package let keyID: String
    package let algorithm: String
    /// The private key in a sealed box bound to this row.
    package let box: [UInt8]
    package let createdAt: Timestamp
    /// From when on tokens are signed with it. Until then it is only published.
    package let activeFrom: Timestamp
    package var revokedAt: Timestamp?

    package init(
        keyID: String, algorithm: String, box: [UInt8], createdAt: Timestamp, activeFrom: Timestamp,
        revokedAt: Timestamp? = nil
    ) {
        self.keyID = keyID
        self.algorithm = algorithm
        self.box = box
        self.createdAt = createdAt
        self.activeFrom = activeFrom
        self.revokedAt = revokedAt
    }
}
