import Foundation
import GRDB
package import OAuth

extension SQLiteStore {
    package func load(at now: Timestamp) async throws -> Snapshot {
        try await pool.read { database in
            var snapshot = Snapshot()
            snapshot.resources = try Self.all(.resources, in: database, ResourceRecord.resource)
            snapshot.issuers = try Self.all(.issuers, in: database, IssuerRecord.issuer)
            snapshot.rules = try Self.all(.rules, in: database, RuleRecord.rule)
            var secrets = try Self.secrets(in: database)
            snapshot.clients = try Self.all(.clients, in: database) { row in
                let id: String = row[0]
                return try ClientRecord.client(row, secrets: secrets.removeValue(forKey: id) ?? [])
            }
            let time = now.milliseconds
            snapshot.delegations = try Self.all(
                .delegations, in: database, where: "expires_at > ?", arguments: [time], DelegationRecord.delegation
            )
            snapshot.revocations = try Row.fetchCursor(
                database,
                sql: "SELECT seq, kind, id, issued_before, expires, reason FROM revocations WHERE expires > ? ORDER BY seq",
                arguments: [time]
            ).mapToArray(LedgerTables.revocation)
            snapshot.lastRevocation = try Int64.fetchOne(database, sql: "SELECT last FROM revocation_sequence") ?? 0
            snapshot.closed = try Row.fetchCursor(
                database, sql: "SELECT kind, id, until FROM closed_names WHERE until IS NULL OR until > ?", arguments: [time]
            ).mapToArray { row in
                guard let kind = Revocation.Kind(rawValue: row[0]) else {
                    throw MalformedRow(table: "closed_names", id: row[1])
                }
                return (kind: kind, id: row[1], until: (row[2] as Int64?).map { Timestamp(milliseconds: $0) })
            }
            snapshot.signingKeys = try Row.fetchCursor(
                database, sql: "SELECT kid, alg, box, created_at, active_from, revoked_at FROM signing_keys ORDER BY active_from"
            ).mapToArray(LedgerTables.signingKey)
            if let head = try Self.head(in: database) { snapshot.auditHead = head.head }
            return snapshot
        }
    }

    package func page(
        of kind: RegistryKind, after cursor: String?, limit: Int, filter: DelegationFilter
    ) async throws -> [RegistryObject] {
        try await pool.read { database in
            // Resources are listed by the name that paths use.
            let table = RegistryTable.of(kind)
            let order = kind == .resource ? "name" : table.key
            var conditions = ["\(order) > ?"]
            var arguments: StatementArguments = [cursor ?? ""]
            if kind == .delegation { Self.narrow(&conditions, &arguments, by: filter) }
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT \(table.columns.joined(separator: ", ")) FROM \(table.name)
                    WHERE \(conditions.joined(separator: " AND ")) ORDER BY \(order) LIMIT ?
                    """,
                arguments: arguments + [limit]
            )
            return try rows.map { row in
                switch kind {
                case .client: .client(try ClientRecord.client(row, secrets: []))
                case .resource: .resource(try ResourceRecord.resource(row))
                case .issuer: .issuer(try IssuerRecord.issuer(row))
                case .rule: .rule(try RuleRecord.rule(row))
                case .delegation: .delegation(try DelegationRecord.delegation(row))
                }
            }
        }
    }

    private static func narrow(
        _ conditions: inout [String], _ arguments: inout StatementArguments, by filter: DelegationFilter
    ) {
        if let client = filter.clientID {
            conditions.append("client_id = ?")
            arguments += [client.text]
        }
        if let subject = filter.subject {
            if let user = UserSubject(claim: subject) {
                conditions.append("(subject = ? OR (issuer = ? AND subject = ?))")
                arguments += [subject, user.issuer.text, user.subject]
            } else {
                conditions.append("subject = ?")
                arguments += [subject]
            }
        }
        switch filter.status {
        case .active:
            conditions.append("revoked_at IS NULL AND expires_at > ?")
            arguments += [filter.now.milliseconds]
        case .expired:
            conditions.append("revoked_at IS NULL AND expires_at <= ?")
            arguments += [filter.now.milliseconds]
        case .revoked: conditions.append("revoked_at IS NOT NULL")
        case nil: break
        }
    }

    package func revocations(after sequence: Int64, limit: Int) async throws -> [Revocation] {
        try await pool.read { database in
            try Row.fetchCursor(
                database,
                sql: "SELECT seq, kind, id, issued_before, expires, reason FROM revocations WHERE seq > ? ORDER BY seq LIMIT ?",
                arguments: [sequence, limit]
            ).mapToArray(LedgerTables.revocation)
        }
    }

    /// Seconds that expired delegations stay listed.
    private static let expiredDelegationsKept = 90 * 86_400

    package func prune(at now: Timestamp) async throws {
        try await pool.write { database in
            let time = now.milliseconds
            try database.execute(sql: "DELETE FROM revocations WHERE expires <= ?", arguments: [time])
            try database.execute(sql: "DELETE FROM spent WHERE expires <= ?", arguments: [time])
            try database.execute(sql: "DELETE FROM closed_names WHERE until <= ?", arguments: [time])
            try database.execute(sql: "DELETE FROM client_secrets WHERE expires_at <= ?", arguments: [time])
            try database.execute(
                sql: "DELETE FROM delegations WHERE expires_at <= ?",
                arguments: [now.adding(seconds: -Self.expiredDelegationsKept).milliseconds]
            )
        }
    }

    private static func all<Value>(
        _ table: RegistryTable, in database: Database, where condition: String = "1",
        arguments: StatementArguments = [], _ read: (Row) throws -> Value
    ) throws -> [Value] {
        try Row.fetchCursor(
            database, sql: "SELECT \(table.columns.joined(separator: ", ")) FROM \(table.name) WHERE \(condition)",
            arguments: arguments
        ).mapToArray(read)
    }

    private static func secrets(in database: Database) throws -> [String: [SecretDigest]] {
        var secrets: [String: [SecretDigest]] = [:]
        let rows = try Row.fetchCursor(
            database, sql: "SELECT client_id, digest, expires_at FROM client_secrets ORDER BY expires_at IS NOT NULL"
        )
        while let row = try rows.next() {
            let digest: Data = row[1]
            secrets[row[0], default: []].append(
                SecretDigest(digest: [UInt8](digest), expiresAt: (row[2] as Int64?).map { Timestamp(milliseconds: $0) })
            )
        }
        return secrets
    }
}

extension Cursor where Element == Row {
    /// Reads rows as they come, without keeping them.
    func mapToArray<Value>(_ read: (Row) throws -> Value) throws -> [Value] {
        var values: [Value] = []
        while let row = try next() { values.append(try read(row)) }
        return values
    }
}
