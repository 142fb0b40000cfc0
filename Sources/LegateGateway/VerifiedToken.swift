import JOSE
import Revocations

/// The claims of an access token (RFC 9068) that was live when `Gateway.verify` returned it.
///
/// Only a gateway makes one. It does not go on living: ask again for the next call.
public struct VerifiedToken: Sendable {
    /// One acting party of the `act` claim (RFC 8693 section 4.1).
    public struct Actor: Sendable, Equatable {
        public let clientID: String
        /// `CLIENT/NAME`, when an instance was named.
        public let agentID: String?
    }

    /// `sub`: the client, or `ISSUER|SUB` for a user.
    public let subject: String
    /// The client that the token was issued to.
    public let clientID: String
    /// The running instance of the agent, when the token names one.
    public let agentID: String?
    /// The delegation under which it was issued.
    public let delegationID: String?
    /// `txn`: the task, as `CLIENT/NAME`.
    public let task: String?
    /// `sid`: the session, as `CLIENT/NAME`.
    public let session: String?
    /// The resource that it is for: one of the gateway's own.
    public let audience: String
    /// What was granted, in the order of the `scope` claim.
    public let scopes: [String]
    /// `act`: who acts for the subject, most recent first.
    public let actors: [Actor]
    /// `jti`.
    public let id: String
    /// Whole seconds since 1970.
    public let issuedAt: Int64
    /// Whole seconds since 1970.
    public let expiresAt: Int64
    /// What its sender has proved to hold (`cnf`), or nil for a token that anyone may use who carries it.
    public let confirmation: TokenConfirmation?

    /// What to put into the header `DPoP-Nonce` of the answer to this call, so that the sender's next proof needs no second
    /// attempt; nil when it needs none.
    public internal(set) var nextNonce: String?

    let ids: RevocableIDs
    let notBefore: Int64?
    private let claims: JSONObject

    /// Any claim as it stands in the token, or nil when there is none.
    public func claim(_ name: String) -> TokenClaim? { claims[name].map(TokenClaim.init) }

    /// Whether the scope was granted.
    public func has(scope: String) -> Bool { scopes.contains(scope) }

    /// Goes on only when the scope was granted.
    ///
    /// - Throws: `RefusedToken.insufficientScope`.
    public func require(scope: String) throws(RefusedToken) {
        guard has(scope: scope) else { throw .insufficientScope(scope) }
    }

    /// Reads the claims of a token with a good signature. Lifetime, revocation and the proof of what it is bound to are
    /// judged elsewhere, each time.
    init(_ token: VerifiedJWT, issuer: String, resources: Set<String>) throws(RefusedToken) {
        do throws(JWTError) {
            guard try token.string("iss") == issuer else { throw .badClaim("iss") }
            ids = try RevocableIDs(token)
            guard let expiresAt = try token.time("exp") else { throw .badClaim("exp") }
            self.expiresAt = expiresAt
            notBefore = try token.time("nbf")
            scopes = try token.string("scope")?.split(separator: " ").map(String.init) ?? []
            if let claim = token.claims["cnf"] {
                confirmation = try TokenConfirmation(claim)
            } else {
                confirmation = nil
            }
        } catch {
            throw .invalid(error.description)
        }
        guard let audience = token.audience, audience.count == 1, let only = audience.first, resources.contains(only)
        else { throw .wrongAudience }
        self.audience = only
        subject = ids.subject
        clientID = ids.clientID
        agentID = ids.agentID
        delegationID = ids.delegationID
        task = ids.task
        session = ids.session
        actors = ids.actors.map { Actor(clientID: $0.clientID, agentID: $0.agentID) }
        id = ids.jti
        issuedAt = ids.issuedAt
        claims = token.claims
    }
}
