import Revocations
import Vault

/// Marks the leases that a revocation has ended, so that they stay ended when its tombstone is forgotten, and tells of
/// each.
///
/// A lease is dead the moment its token is; this makes it durable, off the way of those who wait. The tombstones are
/// the queue: how far it got is committed with what it did, and no tombstone is forgotten before. A crash repeats a
/// part at most.
package struct LeaseSweep: Sendable {
    private let store: any Store
    private let ledger: Ledger
    private let feed: RevocationFeed
    private let now: Now
    /// What the early end of leases brings with it, in the same transaction.
    private let consequences: @Sendable ([Lease], Timestamp) -> Entry

    private static let pageSize = 256
    private static let gathering = Duration.milliseconds(200)

    package init(
        store: any Store, ledger: Ledger, feed: RevocationFeed, now: @escaping Now,
        consequences: @escaping @Sendable ([Lease], Timestamp) -> Entry = { _, _ in Entry() }
    ) {
        self.store = store
        self.ledger = ledger
        self.feed = feed
        self.now = now
        self.consequences = consequences
    }

    /// Sweeps now, for what a crash left undone, and then after every revocation, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let head = feed.head
            do {
                try await sweep()
                var isNew = false
                while !isNew {
                    switch try await feed.next(after: head) {
                    case .batch: isNew = true
                    case .heartbeat: isNew = feed.head != head
                    case .ended: return
                    }
                }
                // A lease is dead already; what is left to do can be done for many revocations together.
                try await Task.sleep(for: Self.gathering)
            } catch is RevocationFeed.SnapshotRequired {
                continue
            } catch is CancellationError {
                return
            } catch {
                // Storage does not answer; the tombstones wait.
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Compares live leases with the tombstones that came since the last time.
    ///
    /// - Returns: how many leases ended.
    @discardableResult
    package func sweep() async throws -> Int {
        let tombstones = try await store.revocationsToSweep()
        guard let last = tombstones.last else { return 0 }
        let dead = RevocationSet()
        for tombstone in tombstones { dead.insert(tombstone) }
        var count = 0
        var cursor: LeaseID?
        while true {
            let time = now()
            let page = try await store.leases(of: nil, after: cursor, limit: Self.pageSize, at: time)
            let found = page.filter { dead.isDead($0.identity.ids) }
            if !found.isEmpty {
                let more = consequences(found, time)
                try await ledger.commit(
                    Entry(
                        changes: found.map { .endLease($0.id, at: time, reason: "the token was revoked") }
                            + more.changes,
                        audit: found.map { Self.event(of: $0, at: time) } + more.audit
                    )
                )
                count += found.count
            }
            guard page.count == Self.pageSize, let last = page.last else { break }
            cursor = last.id
        }
        try await ledger.commit(Entry(changes: [.leasesSwept(through: last.sequence)]))
        return count
    }

    private static func event(of lease: Lease, at time: Timestamp) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .leaseEnded, decision: .allow)
        event.apiEndpoint = "lease sweep"
        event.clientID = lease.identity.clientID.text
        event.agentID = lease.identity.agentID
        event.delegatingUser = lease.identity.delegationID == nil ? nil : lease.identity.subject
        event.delegationID = lease.identity.delegationID?.text
        event.taskID = lease.identity.task?.text
        event.sessionID = lease.identity.session?.text
        event.jti = lease.identity.jti
        event.target = "lease/\(lease.id)"
        event.after = #"{"secret":"\#(lease.secret)","version":\#(lease.version)}"#
        event.policyEvaluation = .init(verdict: "permit", rule: "revocation", reason: "the token was revoked")
        return event
    }
}
