package import OAuth
package import Revocations
import Synchronization
package import Vault

/// The real store behind a hand that can hold it up or make it fail.
package final class ControlledStore: Store {
    /// What a failing disk says.
    package struct DiskIsGone: Error {}

    private struct State {
        var isHolding = false
        var isFailing = false
        var commits = 0
        var entries: [Int] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let inner: any Store
    private let state = Mutex(State())

    package init(_ inner: any Store) { self.inner = inner }

    /// How many entries each commit had, in order; failed ones too.
    package var batches: [Int] { state.withLock { $0.entries } }

    /// How many commits wait because of `hold`.
    package var held: Int { state.withLock { $0.waiting.count } }

    /// Makes every commit wait until `release`.
    package func hold() { state.withLock { $0.isHolding = true } }

    package func release() {
        let waiting = state.withLock { state in
            state.isHolding = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// From now on nothing can be committed, or it can again.
    package func fail(_ isFailing: Bool) { state.withLock { $0.isFailing = isFailing } }

    /// Waits until a commit is held up.
    package func waitUntilHeld() async throws {
        for _ in 0..<5000 {
            if held > 0 { return }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    package func commit(
        _ entries: [Entry], chain: AuditChain, lastIssued: Int64?, seal: @Sendable (AuditHead) -> [UInt8]
    ) async throws -> CommitResult {
        state.withLock { $0.entries.append(entries.count) }
        await withCheckedContinuation { continuation in
            let mustWait = state.withLock { state in
                if state.isHolding { state.waiting.append(continuation) }
                return state.isHolding
            }
            if !mustWait { continuation.resume() }
        }
        if state.withLock({ $0.isFailing }) { throw DiskIsGone() }
        return try await inner.commit(entries, chain: chain, lastIssued: lastIssued, seal: seal)
    }

    package func load(at now: Timestamp) async throws -> Snapshot { try await inner.load(at: now) }

    package func page(
        of kind: RegistryKind, after cursor: String?, limit: Int, filter: DelegationFilter
    ) async throws -> [RegistryObject] {
        try await inner.page(of: kind, after: cursor, limit: limit, filter: filter)
    }

    package func isSpent(_ digest: [UInt8]) async throws -> Bool { try await inner.isSpent(digest) }

    package func secretVersions(of name: SecretName) async throws -> [SecretVersion] {
        try await inner.secretVersions(of: name)
    }

    package func secretBox(of name: SecretName, version: Int) async throws -> [UInt8]? {
        try await inner.secretBox(of: name, version: version)
    }

    package func leases(
        of name: SecretName?, after cursor: LeaseID?, limit: Int, at now: Timestamp
    ) async throws -> [Lease] {
        try await inner.leases(of: name, after: cursor, limit: limit, at: now)
    }

    package func lease(_ id: LeaseID) async throws -> Lease? { try await inner.lease(id) }

    package func wrap(_ digest: [UInt8]) async throws -> Wrap? { try await inner.wrap(digest) }

    package func revocationsToSweep() async throws -> [Revocation] { try await inner.revocationsToSweep() }

    package func events(for receiver: ReceiverID, limit: Int) async throws -> [OutgoingEvent] {
        try await inner.events(for: receiver, limit: limit)
    }

    package func waiting(_ names: [String], for receiver: ReceiverID) async throws -> Set<String> {
        try await inner.waiting(names, for: receiver)
    }

    package func surplusEvents(
        of receiver: ReceiverID, keeping limit: Int, since: Timestamp
    ) async throws -> [String] {
        try await inner.surplusEvents(of: receiver, keeping: limit, since: since)
    }

    package func revocations(after sequence: Int64, limit: Int) async throws -> [Revocation] {
        try await inner.revocations(after: sequence, limit: limit)
    }

    package func auditRecords(matching query: AuditQuery) async throws -> [AuditRecord] {
        try await inner.auditRecords(matching: query)
    }

    package func forEachAuditRecord(
        from sequence: Int64, _ body: @escaping @Sendable (AuditRecord) throws -> Void
    ) async throws {
        try await inner.forEachAuditRecord(from: sequence, body)
    }

    package func auditHead() async throws -> (head: AuditHead, code: [UInt8])? { try await inner.auditHead() }

    package func archiveCheckpoints() async throws -> [String] { try await inner.archiveCheckpoints() }

    package func auditExtent() async throws -> AuditExtent { try await inner.auditExtent() }

    package func archiveAudit(upTo sequence: Int64, checkpoint: String) async throws {
        try await inner.archiveAudit(upTo: sequence, checkpoint: checkpoint)
    }

    package func prune(at now: Timestamp) async throws { try await inner.prune(at: now) }

    package func rootKeySlots() async throws -> [RootKeySlot] { try await inner.rootKeySlots() }

    package func keyringTerms() async throws -> [WrappedTerm] { try await inner.keyringTerms() }

    package func rootKeyLeftovers() async throws -> [String] { try await inner.rootKeyLeftovers() }

    package var sealedTables: [String] { inner.sealedTables }

    package func boxes(
        in table: String, under term: Int, after row: Int64, limit: Int
    ) async throws -> [StoredBox] {
        try await inner.boxes(in: table, under: term, after: row, limit: limit)
    }

    package func boxCountsByTable() async throws -> [Int: [String: Int]] { try await inner.boxCountsByTable() }

    package func forgetOverwritten() async throws { try await inner.forgetOverwritten() }

    package func copyForBackup() async throws -> any BackupCopy { try await inner.copyForBackup() }

    package func isWritable() async -> Bool {
        if state.withLock({ $0.isFailing }) { return false }
        return await inner.isWritable()
    }
}
