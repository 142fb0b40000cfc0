import GRDB
package import OAuth
package import Revocations
import Vault

extension SQLiteStore {
    package func load(at now: Timestamp) async throws -> Snapshot {
        try await pool.read { database in
            var shared = SharedValues()
            var snapshot = Snapshot()
            snapshot.resources = try Self.all(ResourceRecord.self, "", in: database, &shared)
            snapshot.issuers = try Self.all(IssuerRecord.self, "", in: database, &shared)
            // The first rule that applies makes the delegation: they keep the order in which they were allowed.
            snapshot.rules = try Self.all(
                DelegationRuleRecord.self, "ORDER BY created_at, rule_id", in: database, &shared
            )
            snapshot.clients = try Self.clients(in: database, &shared)
            snapshot.delegations = try Self.all(
                DelegationRecord.self, "WHERE expires_at > ?", in: database, &shared
            ) { $0.add(now) }
            try RevocationRecord.insertAll(into: snapshot.revocations, unexpiredAt: now, in: database)
            snapshot.recentRevocations = try RevocationRecord.latest(
                RevocationFeed.windowSize + 1, unexpiredAt: now, in: database
            )
            snapshot.lastRevocation = try RevocationRecord.lastSequence(in: database)
            snapshot.closed = try ClosedNameRecord.all(at: now, in: database)
            snapshot.receivers = try Self.all(EventReceiverRecord.self, "", in: database, &shared)
            snapshot.secrets = try SecretRecord.all(in: database)
            snapshot.canaries = try CanaryRecord.all(in: database)
            snapshot.connections = try ConnectionRecord.all(in: database)
            snapshot.rotations = try RotationRecord.all(in: database)
            snapshot.listedTokens = try StatusEntryRecord.all(at: now, in: database)
            snapshot.signingKeys = try SigningKeyRecord.all(in: database)
            snapshot.auditHead = try AuditHeadRecord.read(in: database)?.head ?? .genesis
            snapshot.lastIssued = try AuditHeadRecord.lastIssued(in: database)
            return snapshot
        }
    }

    /// Clients and secrets are walked side by side, by the clients' numbers.
    private static func clients(in database: Database, _ shared: inout SharedValues) throws -> [Client] {
        let secrets = try ClientSecretRecord.all(in: database)
        var next = secrets.startIndex
        var clients: [Client] = []
        clients.reserveCapacity(try database.first("SELECT count(*) FROM clients") { $0.number(0) } ?? 0)
        try database.cachedStatement(sql: ClientRecord.selectNumbered).forEachRow { row in
            let number = row.integer(ClientRecord.numberColumn)
            var own: [SecretDigest] = []
            while next < secrets.endIndex, secrets[next].client <= number {
                if secrets[next].client == number { own.append(secrets[next].secret) }
                next += 1
            }
            clients.append(try ClientRecord.read(row, &shared, secrets: own))
        }
        return clients
    }

    private static func all<Record: RegistryRecord>(
        _ record: Record.Type, _ clauses: String, in database: Database, _ shared: inout SharedValues,
        _ fill: (inout Arguments) -> Void = { _ in }
    ) throws -> [Record.Value] {
        var values: [Record.Value] = []
        try database.cachedStatement(sql: "\(Record.table.select) \(clauses)").forEachRow(Arguments(fill)) { row in
            values.append(try Record.read(row, &shared))
        }
        return values
    }

    // MARK: Pages

    package func page(
        of kind: RegistryKind, after cursor: String?, limit: Int, filter: DelegationFilter
    ) async throws -> [RegistryObject] {
        try await pool.read { database in
            let page = Page(after: cursor ?? "", limit: limit, filter: filter)
            return switch kind {
            case .client: try page.clients(in: database).map(RegistryObject.client)
            case .resource: try page.read(ResourceRecord.self, in: database).map(RegistryObject.resource)
            case .issuer: try page.read(IssuerRecord.self, in: database).map(RegistryObject.issuer)
            case .rule: try page.read(DelegationRuleRecord.self, in: database).map(RegistryObject.rule)
            case .delegation: try page.delegations(in: database).map(RegistryObject.delegation)
            case .receiver: try page.read(EventReceiverRecord.self, in: database).map(RegistryObject.receiver)
            }
        }
    }

    package func revocations(after sequence: Int64, limit: Int) async throws -> [Revocation] {
        try await pool.read { try RevocationRecord.all(after: sequence, limit: limit, in: $0) }
    }
}

/// One page of a list, ordered by identifier.
private struct Page: Sendable {
    let cursor: String
    let limit: Int
    let filter: DelegationFilter

    init(after cursor: String, limit: Int, filter: DelegationFilter) {
        self.cursor = cursor
        self.limit = limit
        self.filter = filter
    }

    func read<Record: RegistryRecord>(
        _ record: Record.Type, in database: Database, where conditions: [String] = [],
        _ fill: (inout Arguments) -> Void = { _ in }
    ) throws -> [Record.Value] {
        let table = Record.table
        let condition = (["\(table.key) > ?"] + conditions).joined(separator: " AND ")
        var shared = SharedValues()
        return try database.all(
            "\(table.select) WHERE \(condition) ORDER BY \(table.key) LIMIT ?",
            { row in
                row.add(cursor)
                fill(&row)
                row.add(limit)
            },
            { try Record.read($0, &shared) }
        )
    }

    func clients(in database: Database) throws -> [Client] {
        var clients = try read(ClientRecord.self, in: database)
        for index in clients.indices {
            clients[index].secrets = try ClientSecretRecord.of(clients[index].id, in: database)
        }
        return clients
    }

    func delegations(in database: Database) throws -> [Delegation] {
        var conditions: [String] = []
        var values: [(inout Arguments) -> Void] = []
        if let client = filter.clientID {
            conditions.append("client_id = ?")
            values.append { $0.add(client.text) }
        }
        if let subject = filter.subject {
            // A bare subject may itself contain a bar.
            if let user = UserSubject(claim: subject) {
                conditions.append("(subject = ? OR (issuer = ? AND subject = ?))")
                values.append { row in
                    row.add(subject)
                    row.add(user.issuer.text)
                    row.add(user.subject)
                }
            } else {
                conditions.append("subject = ?")
                values.append { $0.add(subject) }
            }
        }
        switch filter.status {
        case .active: conditions.append("revoked_at IS NULL AND expires_at > ?")
        case .expired: conditions.append("revoked_at IS NULL AND expires_at <= ?")
        case .revoked: conditions.append("revoked_at IS NOT NULL")
        case nil: break
        }
        if filter.status == .active || filter.status == .expired {
            let now = filter.now
            values.append { $0.add(now) }
        }
        return try read(DelegationRecord.self, in: database, where: conditions) { row in
            for value in values { value(&row) }
        }
    }
}
