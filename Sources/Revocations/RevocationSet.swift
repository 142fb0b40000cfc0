import Synchronization

/// The live tombstones, in memory: one question, answered in as many look-ups as a token has ids.
///
/// A tombstone takes hold here before it is durable (too early is harmless, too late is not) and its caller is
/// answered after. Entries leave when no live token can carry their id.
package final class RevocationSet: Sendable {
    /// Kind and id, as 128 bits of SipHash under keys that only this process has. A million of them are a third of what
    /// their texts would be. Two that were the same would refuse a live token, never accept a dead one; nobody can look
    /// for such a pair, and by chance it does not happen.
    private struct Key: Hashable {
        let high: Int
        let low: Int

        init(_ kind: Revocation.Kind, _ id: String) {
            var first = Hasher()
            first.combine(kind)
            first.combine(id)
            var second = first
            second.combine(true)
            high = first.finalize()
            low = second.finalize()
        }

        func hash(into hasher: inout Hasher) { hasher.combine(high) }
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

    private var isEmpty: Bool { state.withLock { $0.tombstones.isEmpty } }

    /// How many ids are revoked at the moment.
    package var count: Int { state.withLock { $0.tombstones.count } }

    /// Makes room for so many at once.
    package func reserveCapacity(_ count: Int) { state.withLock { $0.tombstones.reserveCapacity(count) } }

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
    package func deadline(for ids: @autoclosure () -> RevocableIDs) -> Int64? {
        guard !isEmpty else { return nil }
        let ids = ids()
        return state.withLock { state in
            var latest: Int64?
            ids.forEachID { kind, id in
                guard let tombstone = state.tombstones[Key(kind, id)] else { return }
                latest = max(latest ?? .min, tombstone.issuedBefore)
            }
            return latest
        }
    }

    /// Whether the token with these ids is dead.
    package func isDead(_ ids: @autoclosure () -> RevocableIDs) -> Bool {
        guard !isEmpty else { return false }
        let ids = ids()
        guard let deadline = deadline(for: ids) else { return false }
        return ids.issuedAt <= deadline
    }

    /// Whether a live tombstone already covers everything that a new one made in the second `now` would.
    package func covers(_ kind: Revocation.Kind, _ id: String, at now: Int64) -> Bool {
        state.withLock { state in
            guard let tombstone = state.tombstones[Key(kind, id)] else { return false }
            return kind == .token || tombstone.issuedBefore >= now
        }
    }

    /// Forgets what has expired by the second `now`. Returns how many were forgotten.
    @discardableResult
    package func prune(at now: Int64) -> Int {
        // Looked for in a copy and taken out a few at a time: nobody waits while a million are looked at.
        let expired = keys(expiredAt: now)
        var removed = 0
        for start in stride(from: 0, to: expired.count, by: 1024) {
            state.withLock { state in
                for key in expired[start...].prefix(1024) {
                    guard let tombstone = state.tombstones[key], tombstone.expires <= now else { continue }
                    state.tombstones[key] = nil
                    removed += 1
                }
            }
        }
        return removed
    }

    private func keys(expiredAt now: Int64) -> [Key] {
        state.withLock { $0.tombstones }.compactMap { $0.value.expires <= now ? $0.key : nil }
    }

    private static func insert(_ revocation: Revocation, into state: inout State) {
        let key = Key(revocation.kind, revocation.id)
        let old = state.tombstones[key]
        state.tombstones[key] = Tombstone(
            issuedBefore: max(old?.issuedBefore ?? .min, revocation.issuedBefore),
            expires: max(old?.expires ?? revocation.expires, revocation.expires)
        )
    }
}
