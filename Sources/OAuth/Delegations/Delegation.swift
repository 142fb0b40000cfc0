package import JOSE

/// The standing permission of one subject to one client: scopes, resources, purpose, expiry.
///
/// A first-class object: listed, narrowed and revoked on its own; every token issued under it, at any depth, carries
/// its id.
package struct Delegation: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable { case active, revoked, expired }

    package let id: DelegationID
    package let subject: UserSubject
    /// The issuer's URL when the delegation was made, for display.
    package let issuerURL: IssuerURL
    package let clientID: ClientID
    package var scopes: ScopeSet
    package var resources: [ResourceURI]
    /// What it allows beside the scopes, by the resources that each detail names (RFC 9396).
    package var authorizationDetails: AuthorizationDetails
    package var purpose: String?
    /// Further clients that may act; when not empty, nobody else may.
    package var mayAct: [ClientID]
    /// The rule that made it, when no operator did.
    package let ruleID: RuleID?
    package let createdAt: Timestamp
    package var expiresAt: Timestamp
    package var revokedAt: Timestamp?
    package var revision: Int

    package init(
        id: DelegationID, subject: UserSubject, issuerURL: IssuerURL, clientID: ClientID, scopes: ScopeSet,
        resources: [ResourceURI], authorizationDetails: AuthorizationDetails = .none, purpose: String? = nil,
        mayAct: [ClientID] = [], ruleID: RuleID? = nil, createdAt: Timestamp, expiresAt: Timestamp,
        revokedAt: Timestamp? = nil, revision: Int = 1
    ) {
        self.id = id
        self.subject = subject
        self.issuerURL = issuerURL
        self.clientID = clientID
        self.scopes = scopes
        self.resources = resources
        self.authorizationDetails = authorizationDetails
        self.purpose = purpose
        self.mayAct = mayAct
        self.ruleID = ruleID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.revision = revision
    }

    package func status(at now: Timestamp) -> Status {
        if revokedAt != nil { return .revoked }
        return now < expiresAt ? .active : .expired
    }

    /// Whether the delegation allows a client that is not its own to act further down the chain.
    package func allowsActor(_ client: ClientID) -> Bool {
        client == clientID || mayAct.isEmpty || mayAct.contains(client)
    }

    /// Seconds. The longest that a delegation can live.
    package static let longestLife = 10 * 365 * 86_400
    /// Seconds. When nobody says how long.
    package static let defaultLife = 30 * 86_400
}

extension Delegation: Registered {
    package static var kind: RegistryKind { .delegation }
    package var identifier: String { id.text }
    package var change: RegistryObject { .delegation(self) }

    package func document(at now: Timestamp) -> JSONObject {
        var document: JSONObject = [
            "delegation_id": .string(id.text),
            "subject": .object(["iss": .string(issuerURL.text), "sub": .string(subject.subject)]),
            "issuer": .string(subject.issuer.text),
            "client_id": .string(clientID.text),
        ]
        for member in draft.members { document[member.name] = member.value }
        document["status"] = .string(status(at: now).rawValue)
        document["rule_id"] = .text(ruleID?.text)
        document["created_at"] = .time(createdAt)
        return document
    }

    package var draft: JSONObject {
        [
            "scopes": .texts(scopes.tokens),
            "resources": .texts(resources.map(\.text)),
            "authorization_details": authorizationDetails.json,
            "purpose": .text(purpose),
            "may_act": .texts(mayAct.map(\.text)),
            "expires_at": .time(expiresAt),
        ]
    }

    package init(creating draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) {
        var reader = DocumentReader(draft)
        let issuerName = reader.required(
            "issuer", reader.parsed("issuer", "a trusted issuer's short name") { IssuerName($0) })
        let issuer = issuerName.flatMap { context.registry.issuer($0) }
        if issuerName != nil, issuer == nil { reader.refuse("issuer", "no such issuer; trust it first") }
        if let issuer, !issuer.kind.hasUsers { reader.refuse("issuer", issuer.hasNoUsers) }
        let subjectText = reader.required("subject", reader.text("subject", limit: 255))
        let clientID = reader.required("client_id", reader.parsed("client_id", "a registered client") { ClientID($0) })
        if let clientID, context.registry.client(clientID) == nil { reader.refuse("client_id", "no such client") }
        let life = reader.seconds("expires_in", in: 1...Self.longestLife)
        var read = DelegationTerms()
        read.read(&reader, in: context)
        if life != nil, read.expiresAt != nil {
            reader.refuse("expires_in", "cannot be given together with expires_at")
        }
        try reader.finish()
        guard let issuer, let clientID, let subjectText,
            let subject = UserSubject(issuer: issuer.name, subject: subjectText)
        else { throw InvalidDocument("subject", "is required") }
        self.init(
            id: .make(), subject: subject, issuerURL: issuer.url, clientID: clientID, scopes: read.scopes,
            resources: read.resources, authorizationDetails: read.authorizationDetails, purpose: read.purpose,
            mayAct: read.mayAct, createdAt: context.now,
            expiresAt: read.expiresAt ?? context.now.adding(seconds: life ?? Self.defaultLife)
        )
    }

    /// A delegation can only be narrowed: whoever gave it consented to no more.
    package func replaced(by draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) -> Delegation {
        var reader = DocumentReader(draft)
        var read = DelegationTerms()
        read.read(&reader, in: context)
        if status(at: context.now) != .active { reader.refuse("status", "only an active delegation can be changed") }
        if !read.scopes.isSubset(of: scopes) {
            reader.refuse("scopes", "can only be narrowed; create a new delegation")
        }
        if !read.resources.allSatisfy(resources.contains) {
            reader.refuse("resources", "can only be narrowed; create a new delegation")
        }
        if !read.authorizationDetails.isWithin(authorizationDetails, in: context) {
            reader.refuse("authorization_details", "can only be narrowed; create a new delegation")
        }
        if let expiresAt = read.expiresAt, expiresAt > self.expiresAt {
            reader.refuse("expires_at", "can only be moved earlier; create a new delegation")
        }
        if !mayAct.isEmpty, read.mayAct.isEmpty || !read.mayAct.allSatisfy(mayAct.contains) {
            reader.refuse("may_act", "can only be narrowed; create a new delegation")
        }
        try reader.finish()
        var delegation = self
        delegation.scopes = read.scopes
        delegation.resources = read.resources
        delegation.authorizationDetails = read.authorizationDetails
        delegation.purpose = read.purpose
        delegation.mayAct = read.mayAct
        delegation.expiresAt = read.expiresAt ?? expiresAt
        return delegation
    }
}

/// The members of a delegation that a draft may set.
private struct DelegationTerms {
    var scopes = ScopeSet.empty
    var resources: [ResourceURI] = []
    var authorizationDetails = AuthorizationDetails.none
    var purpose: String?
    var mayAct: [ClientID] = []
    var expiresAt: Timestamp?

    mutating func read(_ reader: inout DocumentReader, in context: RegistryContext) {
        scopes = reader.scopes("scopes")
        resources = reader.resources("resources")
        purpose = reader.text("purpose", limit: 1024)
        mayAct = reader.list("may_act", "a client id", limit: 32) { ClientID($0) }
        expiresAt = reader.parsed("expires_at", "a UTC time such as 2026-11-21T08:00:00Z") { RFC3339.time($0) }
        reader.checkTerms(scopes: scopes, resources: resources, in: context)
        authorizationDetails = reader.authorizationDetails("authorization_details", for: resources, in: context)
        for client in mayAct where context.registry.client(client) == nil {
            reader.refuse("may_act", "no such client: \(client)")
        }
    }
}

extension DocumentReader {
    /// Empty means nothing, so an empty permission is refused rather than stored; what it names must exist.
    mutating func checkTerms(scopes: ScopeSet, resources: [ResourceURI], in context: RegistryContext) {
        if scopes.isEmpty, !errors.contains(where: { $0.field == "scopes" }) {
            refuse("scopes", "at least one is required: empty means nothing")
        }
        if resources.isEmpty, !errors.contains(where: { $0.field == "resources" }) {
            refuse("resources", "at least one is required: empty means nothing")
        }
        var offered = ScopeSet.empty
        for uri in resources {
            guard let resource = context.registry.resource(uri) else {
                refuse("resources", "no such resource: \(uri); register it first")
                continue
            }
            offered = offered.union(resource.scopes)
        }
        let unknown = scopes.subtracting(offered)
        if !unknown.isEmpty { refuse("scopes", "none of the resources has: \(unknown)") }
    }
}
