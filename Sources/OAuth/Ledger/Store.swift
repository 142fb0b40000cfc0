package import Revocations
package import Vault

/// What storage must do, in verbs of the domain. It stores values and decides nothing.
package protocol Store: KeyringStore {
    /// Everything that lives in memory, read once at start.
    func load(at now: Timestamp) async throws -> Snapshot

    /// Commits entries in one transaction, durable when this returns.
    ///
    /// An entry whose change fails leaves nothing behind and does not disturb the others. Audit records are linked to
    /// `chain` in the order of the entries; `seal` makes the code that protects the new head. Beside it stands
    /// `lastIssued`, the latest `iat` so far in seconds, unless it is nil.
    ///
    /// - Throws: when nothing at all could be committed.
    func commit(
        _ entries: [Entry], chain: AuditChain, lastIssued: Int64?, seal: @Sendable (AuditHead) -> [UInt8]
    ) async throws -> CommitResult

    /// Whether something was spent, so that what must happen once can be told from what is new before it happens.
    func isSpent(_ digest: [UInt8]) async throws -> Bool

    /// A page of registered things, ordered by identifier, that come after `cursor`.
    func page(
        of kind: RegistryKind, after cursor: String?, limit: Int, filter: DelegationFilter
    ) async throws -> [RegistryObject]

    /// Live tombstones after a sequence number, in order.
    func revocations(after sequence: Int64, limit: Int) async throws -> [Revocation]

    /// The versions of a secret, oldest first, without their boxes.
    func secretVersions(of name: SecretName) async throws -> [SecretVersion]

    /// The sealed value of a version, whatever its state; nil when there is none, or it was destroyed.
    func secretBox(of name: SecretName, version: Int) async throws -> [UInt8]?

    /// Leases that have neither run out nor been ended at `now`, in the order in which they were made, after a cursor.
    func leases(of name: SecretName?, after cursor: LeaseID?, limit: Int, at now: Timestamp) async throws -> [Lease]

    func lease(_ id: LeaseID) async throws -> Lease?

    /// The reference with this digest, for as long as it is remembered.
    func wrap(_ digest: [UInt8]) async throws -> Wrap?

    /// Tombstones that leases were not compared with yet, expired ones too.
    func revocationsToSweep() async throws -> [Revocation]

    /// Undelivered events of a receiver, oldest first.
    func events(for receiver: ReceiverID, limit: Int) async throws -> [OutgoingEvent]

    /// Which of these names are undelivered events of a receiver.
    func waiting(_ names: [String], for receiver: ReceiverID) async throws -> Set<String>

    /// Undelivered events of a receiver that are older than `since`, or more than `limit`: the oldest first, some at a
    /// time.
    func surplusEvents(of receiver: ReceiverID, keeping limit: Int, since: Timestamp) async throws -> [String]

    /// Records that match, in order of sequence, those already archived too.
    func auditRecords(matching query: AuditQuery) async throws -> [AuditRecord]

    /// Calls `body` with every record from `sequence` on, in order, archives first.
    func forEachAuditRecord(
        from sequence: Int64, _ body: @escaping @Sendable (AuditRecord) throws -> Void
    ) async throws

    /// The head as stored beside the trail, with the code that protects it.
    func auditHead() async throws -> (head: AuditHead, code: [UInt8])?

    /// The signed checkpoints at the ends of the archives, oldest first.
    func archiveCheckpoints() async throws -> [String]

    /// How much of the trail is still in the database.
    func auditExtent() async throws -> AuditExtent

    /// Moves records up to `sequence` into a compressed archive that ends with `checkpoint`.
    func archiveAudit(upTo sequence: Int64, checkpoint: String) async throws

    /// Forgets expired tombstones, spent values, closed names and long expired delegations.
    func prune(at now: Timestamp) async throws

    /// True when a transaction can be committed at this moment.
    func isWritable() async -> Bool

    /// Puts a copy of everything aside, as it is at one moment, while others read and write.
    func copyForBackup() async throws -> any BackupCopy
}

/// What a commit did.
package struct CommitResult: Sendable {
    /// One for each entry, nil where it was committed.
    package let failures: [CommitFailure?]
    /// The chain with the new records linked.
    package let chain: AuditChain
    /// The tombstones of the entries that have any, by their index, with the numbers that they were given.
    package let revocations: [Int: [Revocation]]
    /// The boxes of the entries that release one, by their index.
    package let released: [Int: [UInt8]]

    package init(
        failures: [CommitFailure?], chain: AuditChain, revocations: [Int: [Revocation]] = [:],
        released: [Int: [UInt8]] = [:]
    ) {
        self.failures = failures
        self.chain = chain
        self.revocations = revocations
        self.released = released
    }
}

/// The state at start.
package struct Snapshot: Sendable {
    package var clients: [Client] = []
    package var resources: [Resource] = []
    package var issuers: [TrustedIssuer] = []
    package var rules: [DelegationRule] = []
    /// Those that have not expired, revoked ones too.
    package var delegations: [Delegation] = []
    /// Every live tombstone, as a set: there may be a million.
    package var revocations = RevocationSet()
    /// The latest live tombstones, in order, for the feed; one more than its window when there are so many.
    package var recentRevocations: [Revocation] = []
    package var lastRevocation: Int64 = 0
    package var closed: [(kind: Revocation.Kind, id: String, until: Timestamp?)] = []
    package var signingKeys: [StoredSigningKey] = []
    /// Live tokens whose status stands in a list.
    package var receivers: [EventReceiver] = []
    package var secrets: [VaultSecret] = []
    package var canaries: [Canary] = []
    package var rotations: [RotationPlan] = []
    package var connections: [Connection] = []
    package var listedTokens: [ListedToken] = []
    package var auditHead: AuditHead = .genesis
    /// The latest `iat` of a token, in seconds, wherever the clock was set since.
    package var lastIssued: Int64?

    package init() {}
}

/// Which delegations a list should show.
package struct DelegationFilter: Sendable, Equatable {
    package var clientID: ClientID?
    /// `NAME|SUB`, or a bare subject of any issuer.
    package var subject: String?
    package var status: Delegation.Status?
    package var now: Timestamp

    package init(clientID: ClientID? = nil, subject: String? = nil, status: Delegation.Status? = nil, now: Timestamp) {
        self.clientID = clientID
        self.subject = subject
        self.status = status
        self.now = now
    }
}
