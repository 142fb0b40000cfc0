package import JOSE
package import Revocations
import Synchronization
package import Vault

/// The audit trail for those who read it: list, trace, verify, export, and the retention that keeps it small.
package struct AuditTrail: Sendable {
    private let store: any Store
    private let registry: Registry
    private let revocations: RevocationSet
    private let keys: SigningKeys
    private let auditKey: AuditKey
    private let ledger: Ledger
    private let now: Now

    package init(
        store: any Store, registry: Registry, revocations: RevocationSet, keys: SigningKeys, auditKey: AuditKey,
        ledger: Ledger, now: @escaping Now
    ) {
        self.store = store
        self.registry = registry
        self.revocations = revocations
        self.keys = keys
        self.auditKey = auditKey
        self.ledger = ledger
        self.now = now
    }

    package static let scope = "audit:read"

    package func records(matching query: AuditQuery, for caller: Operator) async throws -> [AuditRecord] {
        try caller.require(Self.scope)
        return try await store.auditRecords(matching: query)
    }

    // MARK: Who authorised this?

    /// The chain of custody of a token, from the first to the last hand. Nil when no record knows the token.
    package func trace(_ jti: String, for caller: Operator) async throws -> JSONObject? {
        try caller.require(Self.scope)
        guard let issued = try await issuance(of: jti) else { return nil }
        var chain = [issued]
        var parent = issued.event.parentJTI
        while let next = parent, chain.count <= ActorChain.maximumDepth + 1, let record = try await issuance(of: next) {
            chain.insert(record, at: 0)
            parent = record.event.parentJTI
        }
        let clients = chain.compactMap(\.event.clientID).reduce(into: [String]()) {
            if !$0.contains($1) { $0.append($1) }
        }
        var clientDocuments: [JSON] = []
        for id in clients { clientDocuments.append(.object(try await describeClient(id))) }
        let endings = try await endings(of: chain, clients: clients)
        return [
            "jti": .string(jti),
            "status": .string(status(of: chain, endings: endings)),
            "token": .object(issued.json),
            "chain": .array(chain.map { .object($0.json) }),
            "delegation": try await describeDelegation(issued.event.delegationID),
            "clients": .array(clientDocuments),
            "revocations": .array(endings.map { .object($0.json) }),
        ]
    }

    private func issuance(of jti: String) async throws -> AuditRecord? {
        var query = AuditQuery(limit: 20)
        query.jti = jti
        return try await store.auditRecords(matching: query).first {
            $0.event.name == .tokenIssued || $0.event.name == .tokenExchanged
        }
    }

    private func creation(of target: String) async throws -> AuditRecord? {
        var query = AuditQuery(limit: 1)
        query.target = target
        return try await store.auditRecords(matching: query).first
    }

    private func describeClient(_ id: String) async throws -> JSONObject {
        let client = ClientID(id).flatMap { registry.client($0) }
        let created = try await creation(of: "client/\(id)")
        return [
            "client_id": .string(id),
            "name": .text(client?.name),
            "owner": .text(client?.owner),
            "purpose": .text(client?.purpose),
            "enabled": client.map { .bool($0.enabled) } ?? .null,
            "registered": created.map { .object($0.json) } ?? .null,
        ]
    }

    private func describeDelegation(_ id: String?) async throws -> JSON {
        guard let id else { return .null }
        var document =
            DelegationID(id).flatMap { registry.delegation($0) }?.document(at: now()) ?? ["delegation_id": .string(id)]
        document["created"] = try await creation(of: "delegation/\(id)").map { .object($0.json) } ?? .null
        return .object(document)
    }

    /// Records that ended the token, its delegation or one of its clients after it was issued.
    private func endings(of chain: [AuditRecord], clients: [String]) async throws -> [AuditRecord] {
        var targets = chain.compactMap { $0.event.jti.map { "token/\($0)" } } + clients.map { "client/\($0)" }
        if let delegation = chain.last?.event.delegationID { targets.append("delegation/\(delegation)") }
        if let task = chain.last?.event.taskID { targets.append("task/\(task)") }
        if let session = chain.last?.event.sessionID { targets.append("session/\(session)") }
        if let user = chain.last?.event.delegatingUser { targets.append("subject/\(user)") }
        let ending: Set<AuditEvent.Name> = [
            .tokenRevoked, .revocationCreated, .delegationRevoked, .clientDeleted, .clientUpdated,
        ]
        var found: [AuditRecord] = []
        for target in targets {
            var query = AuditQuery(after: chain.first?.sequence ?? 0, limit: 50)
            query.target = target
            query.decision = .allow
            found += try await store.auditRecords(matching: query).filter { ending.contains($0.event.name) }
        }
        return found.sorted { $0.sequence < $1.sequence }
    }

    /// What the last token of a chain is worth, as introspection would say it.
    private func status(of chain: [AuditRecord], endings: [AuditRecord]) -> String {
        guard let event = chain.last?.event, let jti = event.jti,
            let clientID = event.clientID.flatMap({ ClientID($0) })
        else { return "unknown" }
        let issuedAt = Timestamp(milliseconds: event.timestamp)
        if now() >= issuedAt.adding(seconds: event.tokenTTL ?? 0) {
            let ended = endings.contains { $0.event.name != .clientUpdated }
            return ended ? "revoked" : "expired"
        }
        let delegationID = event.delegationID.flatMap { DelegationID($0) }
        // Whoever exchanged stands in `act`; a client that began the chain for itself is its subject.
        var actors: ActorChain?
        for record in chain where record.event.name == .tokenExchanged {
            guard let actor = record.event.clientID.flatMap({ ClientID($0) }) else { continue }
            actors = ActorChain(Actor(clientID: actor, agentID: record.event.agentID), earlier: actors)
        }
        let identity = TokenIdentity(
            jti: jti, issuedAt: issuedAt.seconds,
            subject: event.delegatingUser ?? chain.first?.event.clientID ?? clientID.text, clientID: clientID,
            agentID: event.agentID, delegationID: delegationID,
            task: event.taskID.flatMap { QualifiedName(qualified: $0) },
            session: event.sessionID.flatMap { QualifiedName(qualified: $0) }, actors: actors
        )
        let isStanding =
            registry.allows(identity, at: now())
            && delegationID.map { registry.delegation($0)?.status(at: now()) == .active } ?? true
        return revocations.isDead(identity.ids) || !isStanding ? "revoked" : "active"
    }

    // MARK: Is it whole?

    /// Recomputes every link from the first archive to the head that this server remembers, and checks the code of the
    /// stored head and every archive's checkpoint.
    package func verify(for caller: Operator) async throws -> JSONObject {
        try caller.require(Self.scope)
        return try await check()
    }

    /// As `verify`, for whoever has the database and its keys in hand.
    package func check() async throws -> JSONObject {
        let end = ledger.auditHead
        let extent = try await store.auditExtent()
        let stored = try await store.auditHead()
        let checkpoints = try await store.archiveCheckpoints()
        let verifier = Mutex(AuditVerifier())
        var forged = 0
        for compact in checkpoints {
            if let checkpoint = try? AuditCheckpoint(
                verifying: compact, keys: keys.everHeld, issuer: registry.issuer.text
            ) {
                verifier.withLock { _ = $0.check(checkpoint) }
            } else {
                forged += 1
            }
        }
        try await store.forEachAuditRecord(from: 1) { record in
            guard record.sequence <= end.sequence else { return }
            verifier.withLock { _ = $0.consume(record) }
        }
        var report = verifier.withLock { verifier in
            verifier.finish(expecting: end)
            return verifier.report
        }
        if report.valid, let problem = problem(stored: stored, extent: extent, end: end) {
            report.problem = problem
            report.firstBad = stored?.head.sequence
        }
        if report.valid, forged > 0 {
            report.problem = "the checkpoint of an archive is not signed by this server"
        }
        return [
            "valid": .bool(report.valid),
            "records": .integer(Int64(report.records)),
            "first_bad": report.firstBad.map { .integer($0) } ?? .null,
            "problem": .text(report.problem),
            "archives": .integer(Int64(checkpoints.count)),
        ]
    }

    /// What is wrong with the head as stored. It is rewritten in the transaction of every record, so that it is never
    /// behind them.
    private func problem(stored: (head: AuditHead, code: [UInt8])?, extent: AuditExtent, end: AuditHead) -> String? {
        guard let stored else { return end == .genesis ? nil : "the head of the trail is missing" }
        if !stored.head.matches(mac: stored.code, key: auditKey) {
            return "the head of the trail was not written by this server"
        }
        if stored.head.sequence < end.sequence { return "the stored head is behind the records of this server" }
        if extent.lastSequence > stored.head.sequence { return "there are records behind the head of the trail" }
        return nil
    }

    // MARK: Exporting and archiving

    /// Calls `body` with every record since a time, as JSON lines, and last with a signed checkpoint over the final one.
    package func export(
        since: Timestamp?, for caller: Operator, _ body: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws {
        try caller.require(Self.scope)
        let last = Mutex<AuditHead?>(nil)
        let count = Mutex<Int64>(0)
        let end = ledger.auditHead
        try await store.forEachAuditRecord(from: 1) { record in
            guard record.sequence <= end.sequence else { return }
            if let since, last.withLock({ $0 == nil }), record.event.timestamp < since.milliseconds { return }
            last.withLock { $0 = AuditHead(sequence: record.sequence, hash: record.hash) }
            count.withLock { $0 += 1 }
            try body(record.jsonLine())
        }
        let checkpoint = try checkpoint(over: last.withLock { $0 } ?? end, records: count.withLock { $0 })
        try body(AuditExport.checkpointLine(checkpoint))
    }

    /// Moves the oldest records to an archive when the retention says so. Returns how far it went, or nil.
    @discardableResult
    package func applyRetention(_ retention: AuditRetention) async throws -> Int64? {
        let extent = try await store.auditExtent()
        guard extent.firstSequence > 0, let reach = retention.reach(in: extent, at: now()) else { return nil }
        // The newest always stays, so that the head can be compared with it.
        let upTo = min(
            try await lastSequence(of: reach, in: extent), extent.firstSequence + AuditRetention.segment - 1,
            extent.lastSequence - 1
        )
        guard upTo >= extent.firstSequence else { return nil }
        var query = AuditQuery(after: upTo - 1, limit: 1)
        query.newest = false
        guard let last = try await store.auditRecords(matching: query).first, last.sequence == upTo else { return nil }
        try await store.archiveAudit(
            upTo: upTo,
            checkpoint: try checkpoint(
                over: AuditHead(sequence: last.sequence, hash: last.hash), records: upTo - extent.firstSequence + 1
            )
        )
        return upTo
    }

    private func lastSequence(of reach: AuditRetention.Reach, in extent: AuditExtent) async throws -> Int64 {
        switch reach {
        case .upTo(let sequence): return sequence
        case .olderThan(let time):
            var query = AuditQuery(after: extent.firstSequence - 1, limit: 1)
            query.since = time
            let younger = try await store.auditRecords(matching: query).first
            return younger.map { $0.sequence - 1 } ?? extent.lastSequence
        }
    }

    private func checkpoint(over head: AuditHead, records: Int64) throws -> String {
        let time = now()
        guard let key = keys.active(.es256, at: time) else { throw MissingSigningKey(algorithm: .es256) }
        return try AuditCheckpoint.make(
            head: head, issuer: registry.issuer.text, now: time.milliseconds, key: key, records: Int(clamping: records)
        )
    }
}

/// How long records stay in the database before they move to compressed archives.
package struct AuditRetention: Sendable {
    /// Seconds; nil keeps them whatever their age.
    package let age: Int?
    /// Records in the database; nil for no limit.
    package let records: Int64?
    /// Records of one archive at most.
    package static let segment: Int64 = 100_000

    package init(age: Int?, records: Int64?) {
        self.age = age
        self.records = records
    }

    /// How far the next archive should reach. Some slack lets archives come seldom and large.
    enum Reach: Equatable {
        case upTo(Int64)
        case olderThan(Timestamp)
    }

    func reach(in extent: AuditExtent, at now: Timestamp) -> Reach? {
        if let records, extent.lastSequence - extent.firstSequence + 1 > records {
            return .upTo(extent.lastSequence - (records - records / 10))
        }
        if let age, let first = extent.firstTimestamp, first.adding(seconds: age + age / 10) < now {
            return .olderThan(now.adding(seconds: -age))
        }
        return nil
    }
}
