import OAuth

/// `delegation_rules`.
enum DelegationRuleRecord: RegistryRecord {
    static let table = RegistryTable(
        "delegation_rules", key: "rule_id",
        columns: [
            "rule_id", "issuer", "group_name", "subject", "client_id", "scopes", "resources", "max_ttl", "created_at",
            "revision", "authorization_details",
        ]
    )

    static func write(_ rule: DelegationRule, to row: inout Arguments) {
        row.add(rule.id.text)
        row.add(rule.issuer.text)
        row.add(rule.group)
        row.add(rule.subject)
        row.add(rule.clientID.text)
        row.add(rule.scopes.description)
        row.add(SharedValues.text(rule.resources))
        row.add(rule.maxTTL)
        row.add(rule.createdAt)
        row.add(rule.revision)
        rule.authorizationDetails.write(to: &row)
    }

    static func read(_ row: RowReader, _ shared: inout SharedValues) throws -> DelegationRule {
        guard let id = RuleID(row.text(0)), let issuer = IssuerName(row.text(1)), let client = ClientID(row.text(4)),
            let scopes = shared.scopes(row, 5), let resources = shared.resources(row, 6),
            let details = try? AuthorizationDetails(row, 10)
        else { throw malformed(row.text(0)) }
        return DelegationRule(
            id: id, issuer: issuer, group: row.optionalText(2), subject: row.optionalText(3), clientID: client,
            scopes: scopes, resources: resources, authorizationDetails: details, maxTTL: row.number(7),
            createdAt: row.time(8), revision: row.number(9)
        )
    }
}
