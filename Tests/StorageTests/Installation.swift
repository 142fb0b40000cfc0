import JOSE
import OAuth
import Storage
import Support
import Synchronization
import Vault

/// A store of some engine in a directory of its own, and the one writer of its trail.
final class Installation: Sendable {
    let engine: Engine
    let directory: TemporaryDirectory
    let store: any PersistentStore
    let auditKey: AuditKey
    private let chain: Mutex<AuditChain>

    static func open(_ engine: Engine) async throws -> Installation {
        let directory = try TemporaryDirectory()
        return Installation(
            engine, in: directory, try await engine.open(at: directory.path),
            auditKey: AuditKey(Secret(AuditKey.generateBytes())), head: .genesis
        )
    }

    private init(
        _ engine: Engine, in directory: TemporaryDirectory, _ store: any PersistentStore, auditKey: AuditKey,
        head: AuditHead
    ) {
        self.engine = engine
        self.directory = directory
        self.store = store
        self.auditKey = auditKey
        chain = Mutex(AuditChain(head: head))
    }

    /// Closes the store, does something to the directory, and opens it again as a new process would.
    func reopened(after change: () throws -> Void = {}) async throws -> Installation {
        try await store.close()
        try change()
        let again = try await engine.open(at: directory.path)
        return Installation(
            engine, in: directory, again, auditKey: auditKey, head: try await again.auditHead()?.head ?? .genesis
        )
    }

    var head: AuditHead { chain.withLock { $0.head } }

    func commit(_ entries: [Entry], lastIssued: Int64? = nil) async throws -> [CommitFailure?] {
        let key = auditKey
        let result = try await store.commit(entries, chain: chain.withLock { $0 }, lastIssued: lastIssued) {
            $0.mac(key: key)
        }
        chain.withLock { $0 = result.chain }
        return result.failures
    }

    /// Commits one entry; says why it was not, or nil.
    @discardableResult
    func commit(_ changes: Change..., audit: [AuditEvent] = []) async throws -> CommitFailure? {
        try await commit([Entry(changes: changes, audit: audit)]).first ?? nil
    }

    func load(at time: Timestamp = TestClock.start) async throws -> Snapshot { try await store.load(at: time) }

    /// The signed end of the trail at a record.
    func checkpoint(at sequence: Int64) async throws -> String {
        var query = AuditQuery(after: sequence - 1, limit: 1)
        query.newest = false
        let record = try await store.auditRecords(matching: query).first
        return try AuditCheckpoint.make(
            head: AuditHead(sequence: sequence, hash: record?.hash ?? []), issuer: "https://auth.example.com",
            now: TestClock.start.milliseconds, key: try TestKeys.key(.es256)
        )
    }

    /// Every record from a number on, as a stream gives them.
    func trail(from sequence: Int64 = 1) async throws -> [AuditRecord] {
        let records = Mutex<[AuditRecord]>([])
        try await store.forEachAuditRecord(from: sequence) { record in records.withLock { $0.append(record) } }
        return records.withLock { $0 }
    }

    /// What a check of the whole trail finds.
    func verification() async throws -> AuditReport {
        var verifier = AuditVerifier()
        for record in try await trail() { verifier.consume(record) }
        verifier.finish(expecting: head)
        return verifier.report
    }
}
