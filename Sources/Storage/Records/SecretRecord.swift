import GRDB
import OAuth

/// `secrets` and `secret_rules`: what the vault keeps for agents, without the values.
enum SecretRecord {
    private static let columns = [
        "name", "kind", "client_id", "description", "resource", "lease_ttl", "rotate_every", "rotate_grace",
        "rotate_length", "rotate_webhook", "rotate_private", "rotate_on_revoke", "inject_header", "inject_format",
        "current", "latest", "created_at", "revision",
    ]
    private static let list = columns.joined(separator: ", ")
    private static let insert =
        "INSERT INTO secrets (\(list)) VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))"
    private static let update =
        "UPDATE secrets SET \(columns.map { "\($0) = ?" }.joined(separator: ", ")) WHERE name = ? AND revision = ?"

    /// Stores a definition: a new one, or the successor of a revision.
    static func keep(_ secret: VaultSecret, from revision: Int?, in database: Database) throws {
        let name = secret.name.text
        if let revision {
            let changed = try database.run(update) { row in
                write(secret, to: &row)
                row.add(name)
                row.add(revision)
            }
            guard changed == 1 else {
                let isThere = try database.first(
                    "SELECT 1 FROM secrets WHERE name = ?", { $0.add(name) }, { _ in true })
                throw isThere == true ? CommitFailure.stale(name) : .missing(name)
            }
            try database.run("DELETE FROM secret_rules WHERE secret = (SELECT number FROM secrets WHERE name = ?)") {
                $0.add(name)
            }
        } else {
            do {
                try database.run(insert) { write(secret, to: &$0) }
            } catch let error as DatabaseError where error.isDuplicate {
                throw CommitFailure.exists(name)
            }
        }
        for (position, rule) in secret.rules.enumerated() {
            try database.run(
                """
                INSERT INTO secret_rules (secret, position, rule_id, client_id, subject, scope, resource)
                SELECT number, ?, ?, ?, ?, ?, ? FROM secrets WHERE name = ?
                """
            ) { row in
                row.add(position)
                row.add(rule.id.text)
                row.add(rule.client?.text)
                row.add(rule.subject)
                row.add(rule.scope)
                row.add(rule.resource.text)
                row.add(name)
            }
        }
    }

    static func drop(_ name: SecretName, in database: Database) throws {
        guard try database.run("DELETE FROM secrets WHERE name = ?", { $0.add(name.text) }) == 1 else {
            throw CommitFailure.missing(name.text)
        }
    }

    /// All definitions; rules are walked side by side with them, by the secrets' numbers.
    static func all(in database: Database) throws -> [VaultSecret] {
        var shared = SharedValues()
        let rules = try database.all(
            "SELECT secret, rule_id, client_id, subject, scope, resource FROM secret_rules ORDER BY secret, position"
        ) { row in (secret: row.integer(0), rule: try rule(row, &shared)) }
        var next = rules.startIndex
        var secrets: [VaultSecret] = []
        secrets.reserveCapacity(try database.first("SELECT count(*) FROM secrets") { $0.number(0) } ?? 0)
        try database.cachedStatement(sql: "SELECT \(list), number FROM secrets ORDER BY number").forEachRow { row in
            let number = row.integer(Int32(columns.count))
            var own: [SecretRule] = []
            while next < rules.endIndex, rules[next].secret <= number {
                if rules[next].secret == number { own.append(rules[next].rule) }
                next += 1
            }
            secrets.append(try read(row, rules: own))
        }
        return secrets
    }

    private static func write(_ secret: VaultSecret, to row: inout Arguments) {
        row.add(secret.name.text)
        row.add(secret.kind.rawValue)
        row.add(secret.client?.text)
        row.add(secret.description)
        row.add(secret.resource?.text)
        row.add(secret.leaseTTL)
        row.add(secret.rotation?.every)
        row.add(secret.rotation?.grace)
        row.add(secret.rotation?.length)
        row.add(secret.rotation?.webhook)
        row.add(secret.rotation.map { $0.allowPrivateNetwork ? 1 : 0 })
        row.add(secret.rotation.map { $0.onRevokedLease ? 1 : 0 })
        row.add(secret.injection?.header)
        row.add(secret.injection?.format)
        row.add(secret.current)
        row.add(secret.latest)
        row.add(secret.createdAt)
        row.add(secret.revision)
    }

    private static func read(_ row: RowReader, rules: [SecretRule]) throws -> VaultSecret {
        let text = row.text(0)
        func parsed<Value>(_ column: Int32, _ parse: (String) -> Value?) throws -> Value? {
            guard let text = row.optionalText(column) else { return nil }
            guard let value = parse(text) else { throw malformed(row.text(0)) }
            return value
        }
        guard let name = SecretName(text), let kind = SecretKind(rawValue: row.text(1)) else { throw malformed(text) }
        let rotation = row.optionalNumber(6).map { every in
            SecretRotation(
                every: every, grace: row.number(7), length: row.optionalNumber(8) ?? SecretRotation.defaultLength,
                webhook: row.optionalText(9), allowPrivateNetwork: row.flag(10), onRevokedLease: row.flag(11)
            )
        }
        let injection = row.optionalText(12).map { SecretInjection(header: $0, format: row.text(13)) }
        return VaultSecret(
            name: name, kind: kind, client: try parsed(2) { ClientID($0) }, description: row.optionalText(3),
            resource: try parsed(4) { ResourceURI($0) }, rules: rules, leaseTTL: row.number(5), rotation: rotation,
            injection: injection, current: row.optionalNumber(14), latest: row.number(15), createdAt: row.time(16),
            revision: row.number(17)
        )
    }

    private static func rule(_ row: RowReader, _ shared: inout SharedValues) throws -> SecretRule {
        let client = row.optionalText(2)
        guard let id = RuleID(row.text(1)), let resources = shared.resources(row, 5), resources.count == 1,
            let resource = resources.first,
            case let clientID = client.flatMap({ ClientID($0) }), (clientID == nil) == (client == nil)
        else { throw StorageError.malformedRow(table: "secret_rules", id: row.text(1)) }
        return SecretRule(
            id: id, client: clientID, subject: row.optionalText(3), scope: row.optionalText(4), resource: resource
        )
    }

    private static func malformed(_ name: String) -> StorageError { .malformedRow(table: "secrets", id: name) }
}
