/// A reference that stands for a value and opens once: the envelope in which a value goes through hands that must not
/// read it.
///
/// The value was released when it was wrapped: by the right of the one who wrapped it, under a lease that ends whatever
/// that right ends. Nothing of the value is kept here, and of the reference only a keyed digest.
package struct Wrap: Sendable, Equatable {
    package let digest: [UInt8]
    package let lease: LeaseID
    package let secret: SecretName
    package let wrappedBy: ClientID
    /// The user in whose name it was wrapped.
    package let wrappedFor: String?
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    package let openedAt: Timestamp?
    package let openedBy: ClientID?

    /// Seconds from wrapping to the end.
    package static let lifetimes = 1...86_400
    /// Seconds that a reference stays known after its end, so that a late second opening is still told.
    private static let remembered = 86_400

    package var forgetAt: Timestamp { expiresAt.adding(seconds: Self.remembered) }

    package init(
        digest: [UInt8], lease: LeaseID, secret: SecretName, wrappedBy: ClientID, wrappedFor: String?,
        createdAt: Timestamp, expiresAt: Timestamp, openedAt: Timestamp? = nil, openedBy: ClientID? = nil
    ) {
        self.digest = digest
        self.lease = lease
        self.secret = secret
        self.wrappedBy = wrappedBy
        self.wrappedFor = wrappedFor
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.openedAt = openedAt
        self.openedBy = openedBy
    }
}

/// A reference on its way out. It is as good as the value for whoever may open it.
package struct WrappedSecret: Sendable {
    package let secret: VaultSecret
    package let reference: String
    package let lease: Lease
    /// When the reference ends: never after the lease.
    package let expiresAt: Timestamp
}

/// The one opening of a reference, on its way into the ledger.
package struct WrapOpening: Sendable, Equatable {
    package let digest: [UInt8]
    package let at: Timestamp
    package let by: ClientID
    /// The lease under which the value was wrapped.
    package let lease: Lease
    /// The revision of the secret on which it was decided.
    package let revision: Int

    package init(digest: [UInt8], at: Timestamp, by: ClientID, lease: Lease, revision: Int) {
        self.digest = digest
        self.at = at
        self.by = by
        self.lease = lease
        self.revision = revision
    }
}
