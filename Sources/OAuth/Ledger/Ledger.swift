package import Revocations
import Synchronization
package import Vault

/// The one place where state changes: spend, store and audit in one transaction, durable before the answer.
///
/// Whatever arrives while a transaction is being written goes into the next one, so that durability costs one sync
/// per batch and not one per token.
package final class Ledger: Sendable {
    /// Somebody who waits for a transaction.
    private final class Pending: Sendable {
        let entry: Entry
        let answer: CheckedContinuation<Committed, any Error>

        init(_ entry: Entry, _ answer: CheckedContinuation<Committed, any Error>) {
            self.entry = entry
            self.answer = answer
        }
    }

    /// The next transaction, while it waits for more to join it.
    private struct Wait {
        /// With so many it begins.
        let size: Int
        let end: ContinuousClock.Instant
        let over: CheckedContinuation<Void, Never>
    }

    private struct State {
        var pending: [Pending] = []
        var wait: Wait?
        var isDraining = false
        var isHealthy = true
        var isClosed = false
        /// Those who wait for the last transaction.
        var closing: [CheckedContinuation<Void, Never>] = []
        var chain: AuditChain
        /// The latest `iat` of a token, wherever the clock was set since; nil when there was none.
        var lastIssued: Int64?

        /// Whether nothing is left to wait for before `size` entries are written.
        func isReady(_ size: Int) -> Bool {
            isClosed || pending.count >= size || !pending.allSatisfy(\.entry.canWait)
        }

        /// - Returns: whom to resume, outside the lock.
        mutating func endWait() -> CheckedContinuation<Void, Never>? {
            defer { wait = nil }
            return wait?.over
        }
    }

    /// Told of every batch: its size and how long its transaction took.
    package typealias Observer = @Sendable (_ entries: Int, _ duration: Duration) -> Void

    private let store: any Store
    private let registry: Registry
    private let revocations: RevocationSet
    private let feed: RevocationFeed
    private let auditKey: AuditKey
    private let now: Now
    private let afterlife: Int64
    private let delay: Duration
    private let observer: Observer
    private let state: Mutex<State>

    /// More waits for the next batch, so that one transaction stays short.
    private static let largestBatch = 512
    /// When as many as this were committed together, more are on their way.
    private static let siblings = 8

    /// - Parameters:
    ///   - lastIssued: the latest `iat` before this ledger, in seconds.
    ///   - afterlife: seconds by which the clock may be set back, and a revocation still reaches every token.
    ///   - delay: for how long a transaction may wait, under load, for as many entries as the last one had.
    package init(
        store: any Store, registry: Registry, revocations: RevocationSet, feed: RevocationFeed,
        head: AuditHead, lastIssued: Int64? = nil, auditKey: AuditKey,
        now: @escaping Now, afterlife: Int = 0, delay: Duration = .milliseconds(8),
        observer: @escaping Observer = { _, _ in }
    ) {
        self.store = store
        self.registry = registry
        self.revocations = revocations
        self.feed = feed
        self.auditKey = auditKey
        self.now = now
        self.afterlife = Int64(afterlife)
        self.delay = delay
        self.observer = observer
        state = Mutex(State(chain: AuditChain(head: head), lastIssued: lastIssued))
    }

    /// Commits an entry with whatever else is waiting.
    ///
    /// - Returns: what the transaction gave to the entry.
    /// - Throws: `CommitFailure` when the stored state forbids it, `LastOperator` when nobody could register clients
    ///   any more, `LedgerUnavailable` when storage fails. In all cases nothing of the entry is stored; a tombstone of a
    ///   failed commit still holds in memory until the next start, except after `LastOperator`.
    @discardableResult
    package func commit(_ entry: Entry) async throws -> Committed {
        try await withCheckedThrowingContinuation { continuation in
            let next: (mustDrain: Bool, waiting: CheckedContinuation<Void, Never>?)? = state.withLock { state in
                guard !state.isClosed else { return nil }
                state.pending.append(Pending(entry, continuation))
                defer { state.isDraining = true }
                let isReady = state.wait.map { !entry.canWait || state.pending.count >= $0.size } ?? false
                return (!state.isDraining, isReady ? state.endWait() : nil)
            }
            guard let next else {
                continuation.resume(throwing: LedgerUnavailable(underlying: LedgerClosed()))
                return
            }
            if next.mustDrain { Task { await drain() } }
            next.waiting?.resume()
        }
    }

    /// False after a commit failed for reasons of storage, until one succeeds again.
    package var isHealthy: Bool { state.withLock { $0.isHealthy } }

    /// How many entries wait for a transaction.
    var waiting: Int { state.withLock { $0.pending.count } }

    /// Whether the next transaction waits for more entries.
    var isDelayed: Bool { state.withLock { $0.wait != nil } }

    /// The last record of the trail that is durable.
    package var auditHead: AuditHead { state.withLock { $0.chain.head } }

    /// Ends all decisions: returns when the last transaction is written, and refuses every later one. Another ledger may
    /// continue the trail then.
    package func close() async {
        await withCheckedContinuation { continuation in
            let (isIdle, waiting) = state.withLock { state in
                state.isClosed = true
                if state.isDraining { state.closing.append(continuation) }
                return (!state.isDraining, state.endWait())
            }
            if isIdle { continuation.resume() }
            waiting?.resume()
        }
    }

    private func drain() async {
        while let batch = nextBatch() {
            await write(batch)
            // Under load a sync is better shared: those who were just answered get a moment to come again.
            if batch.count >= Self.siblings { await wait(for: batch.count) }
        }
    }

    /// Returns when `size` entries are there, one of them cannot wait, the ledger closes, or the time is over.
    private func wait(for size: Int) async {
        await withCheckedContinuation { continuation in
            let end = ContinuousClock.now + delay
            let isReady = state.withLock { state in
                guard !state.isReady(size) else { return true }
                state.wait = Wait(size: size, end: end, over: continuation)
                return false
            }
            guard !isReady else {
                continuation.resume()
                return
            }
            Task {
                try? await Task.sleep(until: end, clock: .continuous)
                // A later wait is not over yet.
                state.withLock { state in
                    state.wait.flatMap { $0.end <= end ? state.endWait() : nil }
                }?.resume()
            }
        }
    }

    private func nextBatch() -> [Pending]? {
        let (batch, closing) = state.withLock { state -> ([Pending]?, [CheckedContinuation<Void, Never>]) in
            guard !state.pending.isEmpty else {
                state.isDraining = false
                defer { state.closing = [] }
                return (nil, state.closing)
            }
            if state.pending.count <= Self.largestBatch {
                defer { state.pending = [] }
                return (state.pending, [])
            }
            let batch = Array(state.pending.prefix(Self.largestBatch))
            state.pending.removeFirst(Self.largestBatch)
            return (batch, [])
        }
        for waiter in closing { waiter.resume() }
        return batch
    }

    private func write(_ batch: [Pending]) async {
        let lastIssued = lastIssued(with: batch)
        var entered: [Pending] = []
        entered.reserveCapacity(batch.count)
        var entries: [Entry] = []
        entries.reserveCapacity(batch.count)
        var made: [Delegation] = []
        // Those who go with this batch: it is not applied yet, and two who go at once must not both count on the other.
        var endedOperators: Set<ClientID> = []
        for pending in batch {
            var entry = pending.entry
            if let delegation = entry.delegationByRule {
                guard !registry.hasTwin(of: delegation, at: now()), !made.contains(where: delegation.isTwin(of:)) else {
                    pending.answer.resume(throwing: CommitFailure.exists(delegation.id.text))
                    continue
                }
                made.append(delegation)
            }
            let ended = registry.operatorsEnded(by: entry.changes, at: now())
            if let last = ended.last {
                let gone = endedOperators.union(ended)
                guard registry.hasOperator(otherThan: gone, at: now()) else {
                    pending.answer.resume(throwing: LastOperator(last))
                    continue
                }
                endedOperators = gone
            }
            takeTombstones(of: &entry, reaching: lastIssued)
            // What came in while the token was being decided has been applied by now: decide again, not too late.
            if let token = entry.issues ?? entry.relies,
                revocations.isDead(token.ids) || !registry.allows(token, at: now())
            {
                pending.answer.resume(throwing: CommitFailure.revoked)
                continue
            }
            // The clock was set back since: a tombstone taken in between would not reach the token.
            if let token = entry.issues, token.issuedAt > now().seconds {
                pending.answer.resume(throwing: CommitFailure.revoked)
                continue
            }
            if let gone = registry.missing(for: entry.changes) {
                pending.answer.resume(throwing: CommitFailure.missing(gone))
                continue
            }
            entered.append(pending)
            entries.append(entry)
        }
        guard !entered.isEmpty else { return }
        let chain = state.withLock { $0.chain }
        let start = ContinuousClock.now
        do {
            let key = auditKey
            let result = try await store.commit(entries, chain: chain, lastIssued: lastIssued) {
                $0.mac(key: key)
            }
            state.withLock { state in
                state.chain = result.chain
                state.isHealthy = true
            }
            for (index, pending) in entered.enumerated() where result.failures[index] == nil {
                // First: what the registry rings awake must find it done.
                pending.entry.whenDurable?()
                if !entries[index].changes.isEmpty { registry.apply(entries[index].changes) }
            }
            feed.publish(result.revocations.values.joined().sorted { $0.sequence < $1.sequence }, at: now())
            observer(entered.count, ContinuousClock.now - start)
            for (index, pending) in entered.enumerated() {
                if let failure = result.failures[index] {
                    if case .overdrawn(let tally) = failure { registry.taskTallies.put(tally) }
                    pending.answer.resume(throwing: failure)
                } else {
                    pending.answer.resume(
                        returning: Committed(
                            revocations: result.revocations[index] ?? [], released: result.released[index]
                        )
                    )
                }
            }
        } catch {
            state.withLock { $0.isHealthy = false }
            for pending in entered { pending.answer.resume(throwing: LedgerUnavailable(underlying: error)) }
        }
    }

    /// The latest `iat` so far, in seconds, those of a batch included.
    ///
    /// One that is further ahead of the clock than any revocation reaches is forgotten: the clock was wrong then, and no
    /// token of that time is accepted.
    private func lastIssued(with batch: [Pending]) -> Int64? {
        let furthest = now().seconds + afterlife
        return state.withLock { state in
            if let last = state.lastIssued, last > furthest { state.lastIssued = nil }
            for pending in batch {
                guard let token = pending.entry.issues else { continue }
                state.lastIssued = max(state.lastIssued ?? token.issuedAt, token.issuedAt)
            }
            return state.lastIssued
        }
    }

    /// Tombstones take hold in memory before the transaction, and with the second of this moment: after every policy
    /// decision that did not yet see them, so that no token slips between.
    ///
    /// When the clock was set back, there are tokens of a later second than this one: they are reached, too. Then who is
    /// revoked gets no token before the clock is where it was.
    private func takeTombstones(of entry: inout Entry, reaching lastIssued: Int64?) {
        var events: [Change] = []
        for index in entry.changes.indices {
            guard case .revoke(let revocation) = entry.changes[index] else { continue }
            let time = now()
            let reach = lastIssued.flatMap { $0 > time.seconds && $0 <= time.seconds + afterlife ? $0 : nil }
            let tombstone = revocation.taken(at: reach.map(Timestamp.init(seconds:)) ?? time)
            revocations.insert(tombstone)
            entry.changes[index] = .revoke(tombstone)
            // Whoever is to be told of it is told in the same transaction.
            events += OutgoingEvent.all(of: tombstone, in: registry, at: now()).map(Change.enqueue)
        }
        entry.changes += events
    }
}

/// What a transaction gave to one of its entries.
package struct Committed: Sendable {
    /// The entry's tombstones with their sequence numbers.
    package let revocations: [Revocation]
    /// The sealed value that the entry releases.
    package let released: [UInt8]?
}

/// The server was sealed, or is about to end: this ledger takes nothing any more.
package struct LedgerClosed: Error {}

/// Storage could not commit: nothing was decided, the caller may try again.
package struct LedgerUnavailable: Error {
    package let underlying: any Error
}
