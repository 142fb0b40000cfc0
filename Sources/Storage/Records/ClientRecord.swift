import JOSE
import OAuth

/// `clients`. The secrets have a table of their own.
enum ClientRecord: RegistryRecord {
    static let table = RegistryTable(
        "clients", key: "client_id",
        columns: [
            "client_id", "name", "kind", "enabled", "auth", "jwks", "jwks_uri", "scopes", "resources", "grants",
            "acts_as", "exchange_scopes", "workloads", "tier", "token_ttl", "owner", "purpose", "type", "version",
            "created_at", "revision", "max_task_life", "max_task_tokens", "secret_lifetime",
            "authorization_details", "dpop_bound", "spiffe_id", "certificate_name_kind", "certificate_name",
            "certificate_bound", "forwards_certificates",
        ]
    )

    /// The columns and behind them the number, in the order of the numbers.
    static let selectNumbered = "SELECT \(table.list), number FROM clients ORDER BY number"
    static let numberColumn = table.count

    static func write(_ client: Client, to row: inout Arguments) {
        row.add(client.id.text)
        row.add(client.name)
        row.add(client.kind.rawValue)
        row.add(client.enabled)
        row.add(client.authentication.rawValue)
        ClientKeys.write(client.keys, to: &row)
        row.add(client.scopes.description)
        row.add(SharedValues.text(client.resources))
        row.add(SharedValues.text(client.grants))
        row.add(client.actsAs?.text)
        row.add(text(client.exchangeScopes))
        row.add(text(client.workloads))
        row.add(client.tier)
        row.add(client.tokenTTL)
        row.add(client.owner)
        row.add(client.purpose)
        row.add(client.type)
        row.add(client.version)
        row.add(client.createdAt)
        row.add(client.revision)
        row.add(client.maxTaskLife)
        row.add(client.maxTaskTokens)
        row.add(client.secretLifetime)
        client.authorizationDetails.write(to: &row)
        row.add(client.dpopBound)
        row.add(client.spiffeID?.text)
        row.add(client.certificateName?.kind.rawValue)
        row.add(client.certificateName?.text)
        row.add(client.certificateBound)
        row.add(client.forwardsCertificates)
    }

    /// Reads a client without its secrets.
    static func read(_ row: RowReader, _ shared: inout SharedValues) throws -> Client {
        try read(row, &shared, secrets: [])
    }

    static func read(_ row: RowReader, _ shared: inout SharedValues, secrets: [SecretDigest]) throws -> Client {
        let text = row.text(0)
        guard let id = ClientID(text), let kind = Client.Kind(rawValue: row.text(2)),
            let method = shared.method(row, 4), let scopes = shared.scopes(row, 7),
            let resources = shared.resources(row, 8), let grants = shared.grants(row, 9)
        else { throw malformed(text) }
        var client = Client(
            id: id, name: row.text(1), kind: kind, enabled: row.flag(3), authentication: method, secrets: secrets,
            scopes: scopes, resources: resources, grants: grants, tier: shared.word(row, 13),
            tokenTTL: row.optionalNumber(14), maxTaskLife: row.optionalNumber(21),
            maxTaskTokens: row.optionalNumber(22), secretLifetime: row.optionalNumber(23), owner: row.optionalText(15),
            purpose: shared.word(row, 16),
            type: shared.word(row, 17), version: shared.word(row, 18), createdAt: row.time(19), revision: row.number(20)
        )
        if row.optionalText(10) != nil {
            guard let list = shared.resources(row, 10), let uri = list.first, list.count == 1 else {
                throw malformed(text)
            }
            client.actsAs = uri
        }
        do {
            client.authorizationDetails = try AuthorizationDetails(row, 24)
            client.dpopBound = row.flag(25)
            client.spiffeID = try spiffeID(row, 26)
            client.certificateName = try certificateName(row, kind: 27, text: 28)
            client.certificateBound = row.flag(29)
            client.forwardsCertificates = row.flag(30)
            client.keys = try ClientKeys.read(jwks: row.optionalText(5), uri: row.optionalText(6))
            if let text = row.optionalText(11) { client.exchangeScopes = try mappings(text) }
            if let text = row.optionalText(12) { client.workloads = try workloads(text) }
        } catch {
            throw malformed(text)
        }
        return client
    }

    private struct Unreadable: Error {}

    private static func spiffeID(_ row: RowReader, _ column: Int32) throws -> SPIFFEPattern? {
        guard let text = row.optionalText(column) else { return nil }
        guard let pattern = SPIFFEPattern(text) else { throw Unreadable() }
        return pattern
    }

    private static func certificateName(_ row: RowReader, kind: Int32, text: Int32) throws -> CertificateName? {
        guard let text = row.optionalText(text) else { return nil }
        guard let kind = row.optionalText(kind).flatMap({ CertificateName.Kind(rawValue: $0) }),
            let name = CertificateName(kind, text)
        else { throw Unreadable() }
        return name
    }

    /// `[[FROM, TO, RESOURCE], …]`; absent when there are none, so that most rows need no parsing.
    private static func text(_ mappings: [ScopeMapping]) -> String? {
        if mappings.isEmpty { return nil }
        return JSON.array(mappings.map { .array([.string($0.from), .string($0.to), .string($0.resource.text)]) }).text
    }

    private static func mappings(_ text: String) throws -> [ScopeMapping] {
        try lists(text).map { parts in
            guard parts.count == 3, let resource = ResourceURI(parts[2]) else { throw Unreadable() }
            return ScopeMapping(from: parts[0], to: parts[1], resource: resource)
        }
    }

    /// `[[ISSUER, SUBJECT], …]`; absent when there are none.
    private static func text(_ workloads: [Workload]) -> String? {
        if workloads.isEmpty { return nil }
        return JSON.array(workloads.map { .array([.string($0.issuer.text), .string($0.subject)]) }).text
    }

    private static func workloads(_ text: String) throws -> [Workload] {
        try lists(text).map { parts in
            guard parts.count == 2, let issuer = IssuerName(parts[0]) else { throw Unreadable() }
            return Workload(issuer: issuer, subject: parts[1])
        }
    }

    private static func lists(_ text: String) throws -> [[String]] {
        guard let items = try JSON(parsing: text).array else { throw Unreadable() }
        return try items.map { item in
            guard let parts = item.array?.compactMap(\.string), parts.count == item.array?.count else {
                throw Unreadable()
            }
            return parts
        }
    }
}
