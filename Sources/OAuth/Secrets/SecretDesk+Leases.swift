import Revocations
package import Vault

extension SecretDesk {
    /// Whether a lease still holds: its time runs, nobody ended it, and nothing has killed the token that it stands on.
    package func isLive(_ lease: Lease, at time: Timestamp) -> Bool {
        lease.endedAt == nil && time < lease.expiresAt && !revocations.isDead(lease.identity.ids)
    }

    /// Live leases of a secret, or of all, in the order in which they were made.
    package func leases(
        of name: SecretName?, after cursor: LeaseID?, limit: Int, by caller: Operator
    ) async throws -> [Lease] {
        try caller.require(Self.writeScope)
        if let name, registry.secrets.secret(name) == nil { throw SecretRefusal.notFound }
        let time = now()
        var found: [Lease] = []
        var cursor = cursor
        while found.count < limit {
            let page = try await store.leases(of: name, after: cursor, limit: limit, at: time)
            found += page.filter { isLive($0, at: time) }
            guard page.count == limit, let last = page.last else { break }
            cursor = last.id
        }
        return Array(found.prefix(limit))
    }

    /// Ends one lease before its time.
    ///
    /// - Returns: the lease as it was.
    package func endLease(_ id: LeaseID, reason: String?, by caller: Operator) async throws -> Lease {
        try caller.require(Self.writeScope)
        let time = now()
        guard let lease = try await store.lease(id), isLive(lease, at: time) else {
            throw SecretRefusal.missing("there is no such lease, or it has ended")
        }
        var event = caller.event(.leaseEnded, target: "lease/\(id)", rule: Self.writeScope, at: time)
        event.requestContext = reason
        event.after = #"{"secret":"\#(lease.secret)","version":\#(lease.version)}"#
        let more = registry.rotations(after: [lease], at: time)
        try await ledger.commit(
            Entry(
                changes: [.endLease(id, at: time, reason: reason ?? "revoked")] + more.changes,
                audit: [event] + more.audit
            )
        )
        return lease
    }
}

extension AuditEvent.Name {
    package static let leaseEnded = Self(rawValue: "lease.ended")
}
