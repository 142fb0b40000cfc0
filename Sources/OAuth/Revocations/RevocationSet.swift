import Synchronization

/// The live tombstones, in memory: one question, answered in as many look-ups as a token has ids.
///
/// A tombstone takes hold here before it is durable (too early is harmless, too late is not) and its caller is
/// answered after. Entries leave when no live token can carry their id.
package final class RevocationSet: Sendable {
    private struct Key: Hashable {
        let kind: Revocation.Kind
        let id: String
    }

    private struct Tombstone {
        var issuedBefore: Int64
        var expires: Timestamp
    }

    private struct State {
        var tombstones: [Key: Tombstone] = [:]
        var lastSequence: Int64 = 0
    }

    private let state: Mutex<State>

    package init(_ revocations: [Revocation] = [], lastSequence: Int64 = 0) {
        var state = State()
        state.lastSequence = lastSequence
        state.tombstones.reserveCapacity(revocations.count)
        for revocation in revocations { Self.insert(revocation, into: &state) }
        self.state = Mutex(state)
    }

    /// How many ids are revoked at the moment.
    package var count: Int { state.withLock { $0.tombstones.count } }

    /// Gives a tombstone its number and its second, and lets it take hold.
    ///
    /// The second is taken here, after every policy decision that did not yet see it, so that no token slips between.
    func enter(_ revocation: Revocation, at now: Timestamp) -> Revocation {
        state.withLock { state in
            var entered = revocation
            entered.sequence = state.lastSequence + 1
            entered.issuedBefore = max(revocation.issuedBefore, now.seconds)
            entered.expires = max(revocation.expires, now.adding(seconds: TokenLifetime.ceiling + 1))
            Self.insert(entered, into: &state)
            return entered
        }
    }

    /// The last second whose tokens are dead because of `identity`, or nil when nothing that it names is revoked.
    ///
    /// O(number of ids in the token), whatever the number of live tombstones.
    package func deadline(for identity: TokenIdentity) -> Int64? {
        state.withLock { state in
            guard !state.tombstones.isEmpty else { return nil }
            var latest: Int64?
            identity.forEachID { kind, id in
                guard let tombstone = state.tombstones[Key(kind: kind, id: id)] else { return }
                latest = max(latest ?? .min, tombstone.issuedBefore)
            }
            return latest
        }
    }

    /// Whether a token of this identity is dead.
    package func isDead(_ identity: TokenIdentity) -> Bool {
        guard let deadline = deadline(for: identity) else { return false }
        return identity.issuedAt <= deadline
    }

    /// Whether a live tombstone already covers everything that a new one issued at `now` would.
    func covers(_ kind: Revocation.Kind, _ id: String, at now: Timestamp) -> Bool {
        state.withLock { state in
            guard let tombstone = state.tombstones[Key(kind: kind, id: id)] else { return false }
            return kind == .token || tombstone.issuedBefore >= now.seconds
        }
    }

    /// Forgets what has expired. Returns how many were forgotten.
    @discardableResult
    package func prune(at now: Timestamp) -> Int {
        state.withLock { state in
            let before = state.tombstones.count
            state.tombstones = state.tombstones.filter { $0.value.expires > now }
            return before - state.tombstones.count
        }
    }

    private static func insert(_ revocation: Revocation, into state: inout State) {
        let key = Key(kind: revocation.kind, id: revocation.id)
        let old = state.tombstones[key]
        state.tombstones[key] = Tombstone(
            issuedBefore: max(old?.issuedBefore ?? .min, revocation.issuedBefore),
            expires: max(old?.expires ?? revocation.expires, revocation.expires)
        )
        state.lastSequence = max(state.lastSequence, revocation.sequence)
    }
}

/// Everything in a token by which it can be revoked.
package struct TokenIdentity: Sendable, Equatable {
    package var jti: String
    package var issuedAt: Int64
    package var keyID: String?
    package var subject: String
    package var clientID: ClientID
    package var agentID: String?
    package var delegationID: DelegationID?
    package var task: QualifiedName?
    package var session: QualifiedName?
    package var actors: ActorChain?

    package init(
        jti: String, issuedAt: Int64, keyID: String? = nil, subject: String, clientID: ClientID,
        agentID: String? = nil, delegationID: DelegationID? = nil, task: QualifiedName? = nil,
        session: QualifiedName? = nil, actors: ActorChain? = nil
    ) {
        self.jti = jti
        self.issuedAt = issuedAt
        self.keyID = keyID
        self.subject = subject
        self.clientID = clientID
        self.agentID = agentID
        self.delegationID = delegationID
        self.task = task
        self.session = session
        self.actors = actors
    }

    /// The one list of what kills a token.
    func forEachID(_ body: (Revocation.Kind, String) -> Void) {
        body(.token, jti)
        if let keyID { body(.key, keyID) }
        body(.client, clientID.text)
        if let agentID { body(.agent, agentID) }
        if let delegationID { body(.delegation, delegationID.text) }
        if let task { body(.task, task.text) }
        if let session { body(.session, session.text) }
        body(.subject, subject)
        if let user = UserSubject(claim: subject) {
            body(.issuer, user.issuer.text)
        } else if subject != clientID.text {
            body(.client, subject)
        }
        for actor in actors?.actors ?? [] {
            body(.client, actor.clientID.text)
            // An actor that named no instance is its client's unnamed one.
            body(.agent, actor.agentID ?? actor.clientID.text)
        }
    }
}
