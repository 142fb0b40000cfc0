package import JOSE

/// The claims of one of our access tokens (RFC 9068). Made by the mint, or by verifying a token that the mint made.
///
/// Two dozen texts that every step of a request looks at: behind one reference, so that no step copies them.
package final class AccessToken: Sendable, Equatable {
    /// `jti`, `iat`, `sub` and every other id by which the token can be revoked.
    package let identity: TokenIdentity
    /// Exactly one resource identifier.
    package let audience: ResourceURI
    package let scopes: ScopeSet
    /// Whole seconds since 1970.
    package let expiresAt: Int64
    /// The one further actor that the token itself names.
    package let mayAct: ClientID?
    /// `{type, version, owner, tier, max_rpm}` as registered, when the resource asks for it.
    package let agent: JSONObject?
    /// Where its status stands, when the resource asks for a status list.
    package let status: StatusReference?
    /// What its user has to prove to hold, when it is bound to its sender.
    package let confirmation: Confirmation?
    /// What was granted beside the scopes (RFC 9396); empty when nothing was.
    package let authorizationDetails: AuthorizationDetails

    package static let type = "at+jwt"

    package init(
        identity: TokenIdentity, audience: ResourceURI, scopes: ScopeSet, expiresAt: Int64, mayAct: ClientID? = nil,
        agent: JSONObject? = nil, status: StatusReference? = nil, confirmation: Confirmation? = nil,
        authorizationDetails: AuthorizationDetails = .none
    ) {
        self.identity = identity
        self.audience = audience
        self.scopes = scopes
        self.expiresAt = expiresAt
        self.mayAct = mayAct
        self.agent = agent
        self.status = status
        self.confirmation = confirmation
        self.authorizationDetails = authorizationDetails
    }

    package var clientID: ClientID { identity.clientID }

    package static func == (left: AccessToken, right: AccessToken) -> Bool {
        left.identity == right.identity && left.audience == right.audience && left.scopes == right.scopes
            && left.expiresAt == right.expiresAt && left.mayAct == right.mayAct && left.agent == right.agent
            && left.status == right.status && left.confirmation == right.confirmation
            && left.authorizationDetails == right.authorizationDetails
    }

    /// The claims as JSON, written straight into bytes: this runs once for every token.
    package func payload(issuer: IssuerURL) -> [UInt8] {
        var json = JSONWriter(capacity: 640)
        json.beginObject()
        write(to: &json, issuer: issuer)
        json.endObject()
        return json.bytes
    }

    /// Writes the members without the braces; introspection answers with the same ones.
    func write(to json: inout JSONWriter, issuer: IssuerURL) {
        json.member(Claim.issuer, issuer.text)
        json.member(Claim.subject, identity.subject)
        json.member(Claim.audience, audience.text)
        json.member(Claim.clientID, identity.clientID.text)
        json.member(Claim.issuedAt, identity.issuedAt)
        json.member(Claim.expires, expiresAt)
        json.member(Claim.jwtID, identity.jti)
        json.member(Claim.scope, scopes.description)
        if let agentID = identity.agentID { json.member(Claim.agentID, agentID) }
        if let actors = identity.actors { json.member(Claim.actor, json: actors.claim) }
        if let mayAct { json.member(Claim.mayAct, json: .object([Claim.subject: .string(mayAct.text)])) }
        if let delegation = identity.delegationID { json.member(Claim.delegationID, delegation.text) }
        if let task = identity.task { json.member(Claim.transaction, task.text) }
        if let session = identity.session { json.member(Claim.session, session.text) }
        if let agent { json.member(Claim.agent, json: .object(agent)) }
        if let status { json.member(Claim.status, json: status.claim(issuer: issuer)) }
        if let confirmation { json.member(Claim.confirmation, json: confirmation.claim) }
        if !authorizationDetails.isEmpty { json.member(Claim.authorizationDetails, json: authorizationDetails.json) }
    }

    /// Reads the claims of a token whose signature was verified with one of our own keys.
    ///
    /// - Throws: `JWTError.badClaim` when a claim is not as the mint writes it.
    init(_ token: VerifiedJWT, issuer: IssuerURL) throws(JWTError) {
        func required(_ claim: String) throws(JWTError) -> String {
            guard let value = try token.string(claim) else { throw .badClaim(claim) }
            return value
        }
        func parsed<Value>(_ claim: String, _ parse: (String) -> Value?) throws(JWTError) -> Value? {
            guard let text = try token.string(claim) else { return nil }
            guard let value = parse(text) else { throw .badClaim(claim) }
            return value
        }
        guard try required(Claim.issuer) == issuer.text else { throw .badClaim(Claim.issuer) }
        guard let clientID = ClientID(try required(Claim.clientID)) else { throw .badClaim(Claim.clientID) }
        guard let audience = token.audience, audience.count == 1, let uri = audience.first.flatMap({ ResourceURI($0) })
        else { throw .badClaim(Claim.audience) }
        guard let issuedAt = try token.time(Claim.issuedAt) else { throw .badClaim(Claim.issuedAt) }
        guard let expiresAt = try token.time(Claim.expires) else { throw .badClaim(Claim.expires) }
        var actors: ActorChain?
        if let claim = token.claims[Claim.actor] {
            guard let chain = ActorChain(claim: claim) else { throw .badClaim(Claim.actor) }
            actors = chain
        }
        var mayAct: ClientID?
        if let claim = token.claims[Claim.mayAct] {
            guard let subject = claim.object?[Claim.subject]?.string, let client = ClientID(subject) else {
                throw .badClaim(Claim.mayAct)
            }
            mayAct = client
        }
        identity = TokenIdentity(
            jti: try required(Claim.jwtID), issuedAt: issuedAt, keyID: token.header.keyID,
            subject: try required(Claim.subject), clientID: clientID, agentID: try token.string(Claim.agentID),
            delegationID: try parsed(Claim.delegationID) { DelegationID($0) },
            task: try parsed(Claim.transaction) { QualifiedName(qualified: $0) },
            session: try parsed(Claim.session) { QualifiedName(qualified: $0) }, actors: actors
        )
        self.audience = uri
        scopes = try parsed(Claim.scope) { ScopeSet($0) } ?? .empty
        self.expiresAt = expiresAt
        self.mayAct = mayAct
        agent = token.claims[Claim.agent]?.object
        if let claim = token.claims[Claim.status] {
            guard let reference = StatusReference(claim: claim, issuer: issuer) else { throw .badClaim(Claim.status) }
            status = reference
        } else {
            status = nil
        }
        if let claim = token.claims[Claim.confirmation] {
            guard let bound = Confirmation(claim: claim) else { throw .badClaim(Claim.confirmation) }
            confirmation = bound
        } else {
            confirmation = nil
        }
        if let claim = token.claims[Claim.authorizationDetails] {
            guard let details = AuthorizationDetails(claim) else { throw .badClaim(Claim.authorizationDetails) }
            authorizationDetails = details
        } else {
            authorizationDetails = .none
        }
    }
}
