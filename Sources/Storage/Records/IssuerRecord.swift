import JOSE
import OAuth

/// `issuers`.
enum IssuerRecord: RegistryRecord {
    static let table = RegistryTable(
        "issuers", key: "name",
        columns: [
            "name", "url", "jwks", "jwks_uri", "audiences", "subject_claim", "groups_claim", "enabled",
            "allow_private_network", "created_at", "revision", "kind", "ca_file", "token_file", "single_use",
            "max_token_life",
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
        row.add(issuer.kind.rawValue)
        row.add(issuer.authorityFile?.text)
        row.add(issuer.tokenFile?.text)
        row.add(issuer.singleUse)
        row.add(issuer.maxTokenLife)
    }

    static func read(_ row: RowReader, _ shared: inout SharedValues) throws -> TrustedIssuer {
        let text = row.text(0)
        guard let name = IssuerName(text), let kind = TrustedIssuer.Kind(rawValue: row.text(11)),
            let url = Self.url(row.text(1), kind),
            let keys = try? Self.keys(jwks: row.optionalText(2), uri: row.optionalText(3), kind),
            let items = (try? JSON(parsing: row.text(4)))?.array,
            case let audiences = items.compactMap(\.string), audiences.count == items.count
        else { throw malformed(text) }
        return TrustedIssuer(
            name: name, url: url, kind: kind, keys: keys, authorityFile: try file(row, 12),
            tokenFile: try file(row, 13), audiences: audiences, subjectClaim: row.text(5), groupsClaim: row.text(6),
            singleUse: row.flag(14),
            maxTokenLife: row.number(15), enabled: row.flag(7), allowPrivateNetwork: row.flag(8),
            createdAt: row.time(9), revision: row.number(10)
        )
    }

    private static func url(_ text: String, _ kind: TrustedIssuer.Kind) -> IssuerURL? {
        kind == .spiffe ? TrustDomain(uri: text).map { IssuerURL($0) } : IssuerURL(text)
    }

    /// The keys of a trust domain are a bundle.
    private static func keys(jwks: String?, uri: String?, _ kind: TrustedIssuer.Kind) throws -> ClientKeys? {
        guard kind == .spiffe, let jwks else { return try ClientKeys.read(jwks: jwks, uri: uri) }
        return .set(try SPIFFEBundle(json: try JSON(parsing: jwks)).jwtKeys, text: jwks)
    }

    private static func file(_ row: RowReader, _ column: Int32) throws -> TrustFile? {
        guard let text = row.optionalText(column) else { return nil }
        guard let file = TrustFile(text) else { throw malformed(row.text(0)) }
        return file
    }
}
