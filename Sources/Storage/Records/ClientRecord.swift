import GRDB
import JOSE
import OAuth

/// `clients` and `client_secrets`.
enum ClientRecord {
    static let columns = """
        client_id, name, kind, enabled, auth, jwks, jwks_uri, scopes, resources, grants, acts_as, exchange_scopes, \
        workloads, tier, token_ttl, owner, purpose, type, version, created_at, revision
        """

    static func arguments(_ client: Client) -> StatementArguments {
        let (jwks, uri) = Keys.columns(client.keys)
        return [
            client.id.text, client.name, client.kind.rawValue, client.enabled, client.authentication.rawValue, jwks, uri,
            client.scopes.description, SpaceSeparated.text(client.resources),
            client.grants.map(\.shortName).sorted().joined(separator: " "), client.actsAs?.text,
            mappings(client.exchangeScopes), workloads(client.workloads), client.tier, client.tokenTTL, client.owner,
            client.purpose, client.type, client.version, client.createdAt.milliseconds, client.revision,
        ]
    }

    /// Positional, so that a hundred thousand of them are read in a moment.
    static func client(_ row: Row, secrets: [SecretDigest]) throws -> Client {
        let text: String = row[0]
        guard let id = ClientID(text), let kind = Client.Kind(rawValue: row[2]), let scopes = ScopeSet(row[7] as String)
        else { throw MalformedRow(table: "clients", id: text) }
        let grants: String = row[9]
        return Client(
            id: id, name: row[1], kind: kind, enabled: row[3], authentication: AuthenticationMethod(rawValue: row[4]),
            secrets: secrets, keys: try Keys.value(jwks: row[5], uri: row[6]), scopes: scopes,
            resources: SpaceSeparated.resources(row[8]),
            grants: Set(grants.split(separator: " ").compactMap { GrantType(name: String($0)) }),
            actsAs: (row[10] as String?).flatMap { ResourceURI($0) }, exchangeScopes: try mappings(row[11]),
            workloads: try workloads(row[12]), tier: row[13], tokenTTL: row[14], owner: row[15], purpose: row[16],
            type: row[17], version: row[18], createdAt: Timestamp(milliseconds: row[19]), revision: row[20]
        )
    }

    private static func mappings(_ mappings: [ScopeMapping]) -> String? {
        mappings.isEmpty
            ? nil
            : JSON.array(mappings.map { .array([.string($0.from), .string($0.to), .string($0.resource.text)]) }).text
    }

    private static func mappings(_ text: String?) throws -> [ScopeMapping] {
        guard let text else { return [] }
        return (try JSON(parsing: text).array ?? []).compactMap { item in
            guard let parts = item.array, parts.count == 3, let from = parts[0].string, let to = parts[1].string,
                let resource = parts[2].string.flatMap({ ResourceURI($0) })
            else { return nil }
            return ScopeMapping(from: from, to: to, resource: resource)
        }
    }

    private static func workloads(_ workloads: [Workload]) -> String? {
        workloads.isEmpty
            ? nil : JSON.array(workloads.map { .array([.string($0.issuer.text), .string($0.subject)]) }).text
    }

    private static func workloads(_ text: String?) throws -> [Workload] {
        guard let text else { return [] }
        return (try JSON(parsing: text).array ?? []).compactMap { item in
            guard let parts = item.array, parts.count == 2, let issuer = parts[0].string.flatMap({ IssuerName($0) }),
                let subject = parts[1].string
            else { return nil }
            return Workload(issuer: issuer, subject: subject)
        }
    }
}
