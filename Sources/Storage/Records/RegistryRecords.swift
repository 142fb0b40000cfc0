import GRDB
import JOSE
import OAuth

/// `resources`.
enum ResourceRecord {
    static let columns =
        "uri, name, kind, enabled, scopes, signing_alg, token_ttl, include_agent_claim, created_at, revision"

    static func arguments(_ resource: Resource) -> StatementArguments {
        [
            resource.uri.text, resource.name, resource.kind.rawValue, resource.enabled, resource.scopes.description,
            resource.signingAlgorithm.rawValue, resource.tokenTTL, resource.includeAgentClaim,
            resource.createdAt.milliseconds, resource.revision,
        ]
    }

    static func resource(_ row: Row) throws -> Resource {
        let text: String = row[0]
        guard let uri = ResourceURI(text), let kind = Resource.Kind(rawValue: row[2]),
            let scopes = ScopeSet(row[4] as String), let algorithm = SignatureAlgorithm(rawValue: row[5])
        else { throw MalformedRow(table: "resources", id: text) }
        return Resource(
            uri: uri, name: row[1], kind: kind, enabled: row[3], scopes: scopes, signingAlgorithm: algorithm,
            tokenTTL: row[6], includeAgentClaim: row[7], createdAt: Timestamp(milliseconds: row[8]), revision: row[9]
        )
    }
}

/// `issuers`.
enum IssuerRecord {
    static let columns = """
        name, url, jwks, jwks_uri, audiences, subject_claim, groups_claim, enabled, allow_private_network, created_at, \
        revision
        """

    static func arguments(_ issuer: TrustedIssuer) -> StatementArguments {
        let (jwks, uri) = Keys.columns(issuer.keys)
        return [
            issuer.name.text, issuer.url.text, jwks, uri, JSON.array(issuer.audiences.map(JSON.string)).text,
            issuer.subjectClaim, issuer.groupsClaim, issuer.enabled, issuer.allowPrivateNetwork,
            issuer.createdAt.milliseconds, issuer.revision,
        ]
    }

    static func issuer(_ row: Row) throws -> TrustedIssuer {
        let text: String = row[0]
        guard let name = IssuerName(text), let url = IssuerURL(row[1]), let keys = try Keys.value(jwks: row[2], uri: row[3])
        else { throw MalformedRow(table: "issuers", id: text) }
        return TrustedIssuer(
            name: name, url: url, keys: keys,
            audiences: (try JSON(parsing: row[4] as String).array ?? []).compactMap(\.string), subjectClaim: row[5],
            groupsClaim: row[6], enabled: row[7], allowPrivateNetwork: row[8],
            createdAt: Timestamp(milliseconds: row[9]), revision: row[10]
        )
    }
}

/// `delegation_rules`.
enum RuleRecord {
    static let columns =
        "rule_id, issuer, group_name, subject, client_id, scopes, resources, max_ttl, created_at, revision"

    static func arguments(_ rule: DelegationRule) -> StatementArguments {
        [
            rule.id.text, rule.issuer.text, rule.group, rule.subject, rule.clientID.text, rule.scopes.description,
            SpaceSeparated.text(rule.resources), rule.maxTTL, rule.createdAt.milliseconds, rule.revision,
        ]
    }

    static func rule(_ row: Row) throws -> DelegationRule {
        let text: String = row[0]
        guard let id = RuleID(text), let issuer = IssuerName(row[1]), let client = ClientID(row[4]),
            let scopes = ScopeSet(row[5] as String)
        else { throw MalformedRow(table: "delegation_rules", id: text) }
        return DelegationRule(
            id: id, issuer: issuer, group: row[2], subject: row[3], clientID: client, scopes: scopes,
            resources: SpaceSeparated.resources(row[6]), maxTTL: row[7], createdAt: Timestamp(milliseconds: row[8]),
            revision: row[9]
        )
    }
}

/// `delegations`.
enum DelegationRecord {
    static let columns = """
        delegation_id, issuer, subject, issuer_url, client_id, scopes, resources, purpose, may_act, rule_id, created_at, \
        expires_at, revoked_at, revision
        """

    static func arguments(_ delegation: Delegation) -> StatementArguments {
        [
            delegation.id.text, delegation.subject.issuer.text, delegation.subject.subject, delegation.issuerURL.text,
            delegation.clientID.text, delegation.scopes.description, SpaceSeparated.text(delegation.resources),
            delegation.purpose, delegation.mayAct.map(\.text).joined(separator: " "), delegation.ruleID?.text,
            delegation.createdAt.milliseconds, delegation.expiresAt.milliseconds, delegation.revokedAt?.milliseconds,
            delegation.revision,
        ]
    }

    static func delegation(_ row: Row) throws -> Delegation {
        let text: String = row[0]
        guard let id = DelegationID(text), let issuer = IssuerName(row[1]),
            let subject = UserSubject(issuer: issuer, subject: row[2]), let url = IssuerURL(row[3]),
            let client = ClientID(row[4]), let scopes = ScopeSet(row[5] as String)
        else { throw MalformedRow(table: "delegations", id: text) }
        let mayAct: String = row[8]
        return Delegation(
            id: id, subject: subject, issuerURL: url, clientID: client, scopes: scopes,
            resources: SpaceSeparated.resources(row[6]), purpose: row[7],
            mayAct: mayAct.split(separator: " ").compactMap { ClientID(String($0)) },
            ruleID: (row[9] as String?).flatMap { RuleID($0) }, createdAt: Timestamp(milliseconds: row[10]),
            expiresAt: Timestamp(milliseconds: row[11]),
            revokedAt: (row[12] as Int64?).map { Timestamp(milliseconds: $0) }, revision: row[13]
        )
    }
}
