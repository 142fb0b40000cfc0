/// The name of a lease, made by the server; it sorts by time, so that new rows are appended.
package struct LeaseID: Identifier {
    package let text: String

    package init?(_ text: String) {
        guard text.consists(of: .clientChosenName, count: 1...64) else { return nil }
        self.text = text
    }

    package static func make(at time: Timestamp) -> LeaseID {
        LeaseID(unchecked: "lease_" + Unguessable.timeOrdered(at: time))
    }

    private init(unchecked text: String) { self.text = text }
}

/// One release of one version to one holder. It ends with its time, or with whatever ends the token that it stands on.
package struct Lease: Sendable, Equatable {
    package let id: LeaseID
    package let secret: SecretName
    package let version: Int
    /// The rule that allowed it.
    package let rule: RuleID
    /// The token: whatever kills it ends the lease.
    package let identity: TokenIdentity
    package let issuedAt: Timestamp
    package let expiresAt: Timestamp
    package var endedAt: Timestamp?
    package var endReason: String?

    package init(
        id: LeaseID, secret: SecretName, version: Int, rule: RuleID, identity: TokenIdentity, issuedAt: Timestamp,
        expiresAt: Timestamp, endedAt: Timestamp? = nil, endReason: String? = nil
    ) {
        self.id = id
        self.secret = secret
        self.version = version
        self.rule = rule
        self.identity = identity
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.endedAt = endedAt
        self.endReason = endReason
    }
}
