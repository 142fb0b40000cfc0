package import JOSE

/// An operator's permission for users of an issuer to delegate to a client without asking each time.
///
/// A rule makes a delegation at the first exchange; from then on the delegation is what counts.
package struct DelegationRule: Sendable, Equatable {
    package let id: RuleID
    package let issuer: IssuerName
    /// Only members of this group, when set.
    package let group: String?
    /// Only this user, when set.
    package let subject: String?
    package let clientID: ClientID
    package let scopes: ScopeSet
    package let resources: [ResourceURI]
    /// What its delegations allow beside the scopes, by the resources that each detail names (RFC 9396).
    package let authorizationDetails: AuthorizationDetails
    /// Seconds that a delegation made by this rule lives.
    package let maxTTL: Int
    package let createdAt: Timestamp
    package var revision: Int

    package init(
        id: RuleID, issuer: IssuerName, group: String? = nil, subject: String? = nil, clientID: ClientID,
        scopes: ScopeSet, resources: [ResourceURI], authorizationDetails: AuthorizationDetails = .none,
        maxTTL: Int = Self.defaultTTL, createdAt: Timestamp, revision: Int = 1
    ) {
        self.id = id
        self.issuer = issuer
        self.group = group
        self.subject = subject
        self.clientID = clientID
        self.scopes = scopes
        self.resources = resources
        self.authorizationDetails = authorizationDetails
        self.maxTTL = maxTTL
        self.createdAt = createdAt
        self.revision = revision
    }

    /// Seconds: a working day.
    package static let defaultTTL = 8 * 3600

    package func applies(to user: UserSubject, groups: [String], client: ClientID) -> Bool {
        guard issuer == user.issuer, clientID == client else { return false }
        if let subject { return subject == user.subject }
        if let group { return groups.contains(group) }
        return true
    }
}

extension DelegationRule: Registered {
    package static var kind: RegistryKind { .rule }
    package var identifier: String { id.text }
    package var change: RegistryObject { .rule(self) }

    package func document(at now: Timestamp) -> JSONObject {
        [
            "rule_id": .string(id.text),
            "issuer": .string(issuer.text),
            "group": .text(group),
            "subject": .text(subject),
            "client_id": .string(clientID.text),
            "scopes": .texts(scopes.tokens),
            "resources": .texts(resources.map(\.text)),
            "authorization_details": authorizationDetails.json,
            "max_ttl": .seconds(maxTTL),
            "created_at": .time(createdAt),
        ]
    }

    package var draft: JSONObject { [:] }

    package init(creating draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) {
        var reader = DocumentReader(draft)
        let issuer = reader.required(
            "issuer", reader.parsed("issuer", "a trusted issuer's short name") { IssuerName($0) })
        if let issuer, context.registry.issuer(issuer) == nil {
            reader.refuse("issuer", "no such issuer; trust it first")
        }
        if let trusted = issuer.flatMap({ context.registry.issuer($0) }), !trusted.kind.hasUsers {
            reader.refuse("issuer", trusted.hasNoUsers)
        }
        let group = reader.text("group")
        let subject = reader.text("subject", limit: 255)
        if group != nil, subject != nil { reader.refuse("group", "cannot be given together with subject") }
        let clientID = reader.required("client_id", reader.parsed("client_id", "a registered client") { ClientID($0) })
        if let clientID, context.registry.client(clientID) == nil { reader.refuse("client_id", "no such client") }
        let scopes = reader.scopes("scopes")
        let resources = reader.resources("resources")
        reader.checkTerms(scopes: scopes, resources: resources, in: context)
        let details = reader.authorizationDetails("authorization_details", for: resources, in: context)
        let maxTTL = reader.seconds("max_ttl", in: 1...Delegation.longestLife)
        try reader.finish()
        guard let issuer, let clientID else { throw InvalidDocument("issuer", "is required") }
        self.init(
            id: .make(), issuer: issuer, group: group, subject: subject, clientID: clientID, scopes: scopes,
            resources: resources, authorizationDetails: details, maxTTL: maxTTL ?? Self.defaultTTL,
            createdAt: context.now
        )
    }

    package func replaced(by draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) -> DelegationRule {
        throw InvalidDocument("rule_id", "a rule cannot be changed; disallow it and allow a new one")
    }
}
