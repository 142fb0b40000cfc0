import JOSE
import OAuth

/// `resources`.
enum ResourceRecord: RegistryRecord {
    static let table = RegistryTable(
        "resources", key: "name",
        columns: [
            "uri", "name", "kind", "enabled", "scopes", "signing_alg", "token_ttl", "include_agent_claim",
            "created_at", "revision", "check_audit", "status_list", "authorization_details_types",
            "require_authorization_details", "require_dpop", "dpop_nonce", "require_certificate",
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
        AuthorizationDetailType.write(resource.authorizationDetailsTypes, to: &row)
        row.add(resource.requireAuthorizationDetails)
        row.add(resource.requireDPoP)
        row.add(resource.dpopNonce)
        row.add(resource.requireCertificate)
    }

    static func read(_ row: RowReader, _ shared: inout SharedValues) throws -> Resource {
        guard let uri = ResourceURI(row.text(0)), let kind = Resource.Kind(rawValue: row.text(2)),
            let scopes = shared.scopes(row, 4), let algorithm = SignatureAlgorithm(rawValue: row.text(5)),
            let checkAudit = Resource.CheckAudit(rawValue: row.text(10))
        else { throw malformed(row.text(1)) }
        var resource = Resource(
            uri: uri, name: row.text(1), kind: kind, enabled: row.flag(3), scopes: scopes,
            signingAlgorithm: algorithm, tokenTTL: row.optionalNumber(6), includeAgentClaim: row.flag(7),
            checkAudit: checkAudit, statusList: row.flag(11), createdAt: row.time(8), revision: row.number(9)
        )
        do {
            resource.authorizationDetailsTypes = try AuthorizationDetailType.read(row, 12)
        } catch {
            throw malformed(resource.name)
        }
        resource.requireAuthorizationDetails = row.flag(13)
        resource.requireDPoP = row.flag(14)
        resource.dpopNonce = row.flag(15)
        resource.requireCertificate = row.flag(16)
        return resource
    }
}
