import JOSE
import OAuth

/// `resources`.
enum ResourceRecord: RegistryRecord {
    static let table = RegistryTable(
        "resources", key: "name",
        columns: [
            "uri", "name", "kind", "enabled", "scopes", "signing_alg", "token_ttl", "include_agent_claim",
            "created_at", "revision", "check_audit", "status_list",
        ]
    )

    static func write(_ resource: Resource, to row: inout Arguments) {
        row.add(resource.uri.text)
        row.add(resource.name)
        row.add(resource.kind.rawValue)
        row.add(resource.enabled)
        row.add(resource.scopes.description)
        row.add(resource.signingAlgorithm.rawValue)
        row.add(resource.tokenTTL)
        row.add(resource.includeAgentClaim)
        row.add(resource.createdAt)
        row.add(resource.revision)
        row.add(resource.checkAudit.rawValue)
        row.add(resource.statusList)
    }

    static func read(_ row: RowReader, _ shared: inout SharedValues) throws -> Resource {
        guard let uri = ResourceURI(row.text(0)), let kind = Resource.Kind(rawValue: row.text(2)),
            let scopes = shared.scopes(row, 4), let algorithm = SignatureAlgorithm(rawValue: row.text(5)),
            let checkAudit = Resource.CheckAudit(rawValue: row.text(10))
        else { throw malformed(row.text(1)) }
        return Resource(
            uri: uri, name: row.text(1), kind: kind, enabled: row.flag(3), scopes: scopes,
            signingAlgorithm: algorithm, tokenTTL: row.optionalNumber(6), includeAgentClaim: row.flag(7),
            checkAudit: checkAudit, statusList: row.flag(11), createdAt: row.time(8), revision: row.number(9)
        )
    }
}
