package import Revocations
package import Vault

/// One state change and its audit records: all of it is committed, or nothing.
package struct Entry: Sendable {
    package var changes: [Change]
    package var audit: [AuditEvent]
    /// The token that this entry issues. The entry fails when a revocation that came in first has killed it.
    package var issues: TokenIdentity?
    /// The token that this entry's decision relies on. The entry fails likewise when that one is dead by now.
    package var relies: TokenIdentity?
    /// What has to be known in memory once this is durable and before anyone is told of it: keys that come and go.
    package var whenDurable: (@Sendable () -> Void)?

    package init(
        changes: [Change] = [], audit: [AuditEvent] = [], issues: TokenIdentity? = nil, relies: TokenIdentity? = nil
    ) {
        self.changes = changes
        self.audit = audit
        self.issues = issues
        self.relies = relies
    }
}

extension Entry {
    /// Whether this may wait for others to share its transaction: what agents ask for may, what an operator does or what
    /// takes something from somebody may not.
    var canWait: Bool { changes.allSatisfy(\.canWait) }

    /// The delegation that a rule makes with this entry. Of many first exchanges at once only one may make it: whoever
    /// revokes it must not have to look for others.
    var delegationByRule: Delegation? {
        for case .create(.delegation(let delegation)) in changes where delegation.ruleID != nil { return delegation }
        return nil
    }
}

extension Delegation {
    /// Whether the other one was made by the same rule for the same user.
    func isTwin(of other: Delegation) -> Bool {
        ruleID != nil && ruleID == other.ruleID && subject == other.subject && clientID == other.clientID
    }
}

/// What an entry can do to the state. The verbs of the domain; storage has no others.
package enum Change: Sendable {
    /// Fails with `exists` when the name is taken.
    case create(RegistryObject)
    /// Fails with `stale` unless the stored revision is `from`, with `missing` when there is none.
    case update(RegistryObject, from: Int)
    /// Fails with `missing` when it is gone already.
    case delete(RegistryObject)
    /// Fails with `missing` when it is revoked already.
    case revokeDelegation(DelegationID, at: Timestamp)
    case revoke(Revocation)
    /// Closes a task, session or agent instance until a time, or for good.
    case close(Revocation.Kind, id: String, until: Timestamp?)
    case reopen(Revocation.Kind, id: String)
    /// Fails with `spent` when it was spent before.
    case spend(Spend)
    /// Fails with `overdrawn` when the client's limits leave no room for this token in the task.
    case useTask(TaskUse)
    /// A new token whose status stands in a list.
    case listStatus(ListedToken)
    /// An event that has to be delivered. Nothing when its receiver is gone.
    case enqueue(OutgoingEvent)
    /// Events of these names need not be delivered any more. Unknown ones are no error.
    case acknowledge(ReceiverID, [String])
    case addKey(StoredSigningKey)
    case revokeKey(String, at: Timestamp)
    /// Drops a private half for good and keeps the sealed public one. Nothing when the key is not there any more.
    case eraseKey(String, publicHalf: [UInt8], at: Timestamp)
    /// A secret's definition. Without `from` it is new and fails with `exists` when the name is taken; with it, it fails
    /// with `stale` unless that is the stored revision, with `missing` when there is none.
    case keepSecret(VaultSecret, from: Int?)
    /// With all its versions. Fails with `missing` when it is gone already.
    case dropSecret(SecretName)
    /// Fails with `exists` when the version is there, with `missing` when the secret is not.
    case addVersion(SecretName, SecretVersion)
    /// What is destroyed loses its box. Fails with `missing` when there is no such version.
    case setVersion(SecretName, Int, SecretVersion.State, readableUntil: Timestamp?)
    /// Fails with `stale` unless the secret's revision is `at`, with `missing` when the version cannot be read now. Its
    /// box comes back with the commit.
    case release(Lease, at: Int)
    /// One that has ended is left as it is.
    case endLease(LeaseID, at: Timestamp, reason: String)
    /// All of a secret that live at that moment, also what was released since the entry was made.
    case endLeases(of: SecretName, at: Timestamp, reason: String)
    /// How far leases were compared with tombstones.
    case leasesSwept(through: Int64)
    /// A reference to a value that is released with it.
    case keepWrap(Wrap)
    /// Fails with `spent` when the reference was opened before, or has ended by now; with `stale` or `missing` like
    /// `release`. The box comes back with the commit.
    case openWrap(WrapOpening)
    case plant(Canary)
    /// Fails with `missing` when it is gone already.
    case unplant(CanaryID)
    /// Fails with `missing` when the canary is gone.
    case canarySeen(CanarySighting)
    /// When a secret rotates. Without `from` it is new and fails with `exists` when there is one; with it, it fails with
    /// `stale` unless that is the stored revision. Fails with `missing` when there is no such secret or plan.
    case keepRotation(RotationPlan, from: Int?)
    /// Nothing when there is none.
    case dropRotation(SecretName)
    /// Makes a rotation due, unless it is due earlier. Nothing when the secret has no plan.
    case hastenRotation(SecretName, at: Timestamp)
    /// What becomes of the keys of the vault.
    case keyring(KeyringChange)

    /// An account at a third party. Without `from` it is new and fails with `exists` when there is one; with it, it fails
    /// with `stale` unless that is the stored revision. Fails with `missing` when there is no such secret or connection.
    case keepConnection(Connection, from: Int?)
    /// Fails with `stale` unless the stored revision is `from`, with `missing` when it is gone already.
    case dropConnection(SecretName, from: Int)

    /// Whether this change can fail for a reason that lies in the stored state.
    package var canFail: Bool {
        switch self {
        case .create, .update, .delete, .revokeDelegation, .spend, .useTask, .addKey: true
        case .keepSecret, .dropSecret, .addVersion, .setVersion, .release, .keepRotation: true
        case .keepConnection, .dropConnection: true
        case .openWrap, .unplant, .canarySeen: true
        case .keyring: true
        case .keepWrap, .plant: false
        case .eraseKey: false
        case .revoke, .close, .reopen, .listStatus, .enqueue, .acknowledge, .revokeKey: false
        case .endLease, .endLeases, .leasesSwept, .dropRotation, .hastenRotation: false
        }
    }

    /// Whether it belongs to a token, a read or a look that an agent asked for.
    var canWait: Bool {
        switch self {
        case .spend, .useTask, .listStatus, .release, .keepWrap, .openWrap: true
        default: false
        }
    }

    /// Whether this change takes something from what is registered, so that a token that stands on it may fall.
    var alters: Bool {
        switch self {
        case .update, .delete, .revokeDelegation: true
        default: false
        }
    }
}

/// Something that may be used once, such as the `jti` of a client assertion.
package struct Spend: Sendable, Hashable {
    /// What is spent, without the value itself: SHA-256 over kind, owner and value.
    package let digest: [UInt8]
    /// When it cannot be presented any more and may be forgotten.
    package let expires: Timestamp

    package init(digest: [UInt8], expires: Timestamp) {
        self.digest = digest
        self.expires = expires
    }
}

/// Why an entry was not committed although storage works.
package enum CommitFailure: Error, Sendable, Equatable {
    case exists(String)
    case stale(String)
    case missing(String)
    case spent
    /// The task has lived as long, or taken as many tokens, as its client may; with what is stored of it.
    case overdrawn(TaskTally)
    /// The token that the entry would issue, or relies on, was revoked in the meantime.
    case revoked
}
