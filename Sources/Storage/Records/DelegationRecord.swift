import GRDB
import OAuth

/// `delegations`.
enum DelegationRecord: RegistryRecord {
    static let table = RegistryTable(
        "delegations", key: "delegation_id",
        columns: [
            "delegation_id", "issuer", "subject", "issuer_url", "client_id", "scopes", "resources", "purpose",
            "may_act", "rule_id", "created_at", "expires_at", "revoked_at", "revision",
            "authorization_details",
        ]
    )

    static func write(_ delegation: Delegation, to row: inout Arguments) {
        row.add(delegation.id.text)
        row.add(delegation.subject.issuer.text)
        row.add(delegation.subject.subject)
        row.add(delegation.issuerURL.text)
        row.add(delegation.clientID.text)
        row.add(delegation.scopes.description)
        row.add(SharedValues.text(delegation.resources))
        row.add(delegation.purpose)
        row.add(SharedValues.text(delegation.mayAct))
        row.add(delegation.ruleID?.text)
        row.add(delegation.createdAt)
        row.add(delegation.expiresAt)
        row.add(delegation.revokedAt)
        row.add(delegation.revision)
        delegation.authorizationDetails.write(to: &row)
    }

    static func read(_ row: RowReader, _ shared: inout SharedValues) throws -> Delegation {
        guard let id = DelegationID(row.text(0)), let issuer = IssuerName(row.text(1)),
            let subject = UserSubject(issuer: issuer, subject: row.text(2)), let url = IssuerURL(row.text(3)),
            let client = ClientID(row.text(4)), let scopes = shared.scopes(row, 5),
            let resources = shared.resources(row, 6), let mayAct = shared.clients(row, 8),
            let details = try? AuthorizationDetails(row, 14)
        else { throw malformed(row.text(0)) }
        var rule: RuleID?
        if let text = row.optionalText(9) {
            guard let id = RuleID(text) else { throw malformed(row.text(0)) }
            rule = id
        }
        return Delegation(
            id: id, subject: subject, issuerURL: url, clientID: client, scopes: scopes, resources: resources,
            authorizationDetails: details, purpose: row.optionalText(7), mayAct: mayAct, ruleID: rule,
            createdAt: row.time(10), expiresAt: row.time(11), revokedAt: row.optionalTime(12), revision: row.number(13)
        )
    }

    static func revoke(_ id: DelegationID, at time: Timestamp, in database: Database) throws {
        let changed = try database.run(
            """
            UPDATE delegations SET revoked_at = ?, revision = revision + 1
            WHERE delegation_id = ? AND revoked_at IS NULL
            """
        ) { row in
            row.add(time)
            row.add(id.text)
        }
        guard changed == 1 else { throw CommitFailure.missing(id.text) }
    }
}
