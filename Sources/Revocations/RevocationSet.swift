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
        var expires: Int64
    }

    private struct State {
        var tombstones: [Key: Tombstone] = [:]
    }

    private let state: Mutex<State>

    package init(_ revocations: [Revocation] = []) {
        var state = State()
        state.tombstones.reserveCapacity(revocations.count)
        for revocation in revocations { Self.insert(revocation, into: &state) }
        self.state = Mutex(state)
    }

    /// How many ids are revoked at the moment.
    package var count: Int { state.withLock { $0.tombstones.count } }

    /// Lets a tombstone take hold.
    package func insert(_ revocation: Revocation) {
        state.withLock { Self.insert(revocation, into: &$0) }
    }

    /// Lets many take hold at once, so that no reader sees half of a batch.
    package func insert(_ revocations: [Revocation]) {
        state.withLock { state in
            for revocation in revocations { Self.insert(revocation, into: &state) }
        }
    }

    /// Puts a new set in the place of the old one, as after a snapshot.
    package func replace(with revocations: [Revocation]) {
        var fresh = State()
        fresh.tombstones.reserveCapacity(revocations.count)
        for revocation in revocations { Self.insert(revocation, into: &fresh) }
        state.withLock { [fresh] in $0 = fresh }
    }

    /// The last second whose tokens are dead because of one of `ids`, or nil when nothing that it names is revoked.
    ///
    /// O(number of ids in the token), whatever the number of live tombstones.
    package func deadline(for ids: RevocableIDs) -> Int64? {
        state.withLock { state in
            guard !state.tombstones.isEmpty else { return nil }
            var latest: Int64?
            ids.forEachID { kind, id in
                guard let tombstone = state.tombstones[Key(kind: kind, id: id)] else { return }
                latest = max(latest ?? .min, tombstone.issuedBefore)
            }
            return latest
        }
    }

    /// Whether the token with these ids is dead.
    package func isDead(_ ids: RevocableIDs) -> Bool {
        guard let deadline = deadline(for: ids) else { return false }
        return ids.issuedAt <= deadline
    }

    /// Whether a live tombstone already covers everything that a new one made in the second `now` would.
    package func covers(_ kind: Revocation.Kind, _ id: String, at now: Int64) -> Bool {
        state.withLock { state in
            guard let tombstone = state.tombstones[Key(kind: kind, id: id)] else { return false }
            return kind == .token || tombstone.issuedBefore >= now
        }
    }

    /// Forgets what has expired by the second `now`. Returns how many were forgotten.
    @discardableResult
    package func prune(at now: Int64) -> Int {
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
    }
}
