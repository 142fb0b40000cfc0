import JOSE
import OAuth

/// `issuers`.
enum IssuerRecord: RegistryRecord {
    static let table = RegistryTable(
        "issuers", key: "name",
        columns: [
            "name", "url", "jwks", "jwks_uri", "audiences", "subject_claim", "groups_claim", "enabled",
            "allow_private_network", "created_at", "revision",
        ]
    )

    static func write(_ issuer: TrustedIssuer, to row: inout Arguments) {
        row.add(issuer.name.text)
        row.add(issuer.url.text)
        ClientKeys.write(issuer.keys, to: &row)
        // An audience may be any text, so this list is JSON.
        row.add(JSON.array(issuer.audiences.map(JSON.string)).text)
        row.add(issuer.subjectClaim)
        row.add(issuer.groupsClaim)
        row.add(issuer.enabled)
        row.add(issuer.allowPrivateNetwork)
        row.add(issuer.createdAt)
        row.add(issuer.revision)
    }

    static func read(_ row: RowReader, _ shared: inout SharedValues) throws -> TrustedIssuer {
        let keys = try? ClientKeys.read(jwks: row.optionalText(2), uri: row.optionalText(3))
        guard let name = IssuerName(row.text(0)), let url = IssuerURL(row.text(1)), let keys,
            let items = (try? JSON(parsing: row.text(4)))?.array,
            case let audiences = items.compactMap(\.string), audiences.count == items.count
        else { throw malformed(row.text(0)) }
        return TrustedIssuer(
            name: name, url: url, keys: keys, audiences: audiences, subjectClaim: row.text(5),
            groupsClaim: row.text(6), enabled: row.flag(7), allowPrivateNetwork: row.flag(8), createdAt: row.time(9),
            revision: row.number(10)
        )
    }
}
