import JOSE

/// A grant type: its name, and how a request under it becomes an `Authorization`. One file each.
///
/// A grant says what is asked and provable. Client authentication, policy, signing and audit are not its business, so
/// it cannot forget them.
package protocol Grant: Sendable {
    static var type: GrantType { get }
    /// Reads the request and proves what it claims. Writes nothing.
    func present(
        _ request: ClientRequest, by client: AuthenticatedClient, at now: Timestamp
    ) async throws(OAuthError) -> Authorization
}

/// What a request asks for and can prove: who, for whom, what, under which permission. It cannot be signed.
package struct Authorization: Sendable {
    package let grant: GrantType
    private let sharedClient: Shared<Client>
    private let sharedTarget: Shared<Resource>
    /// The `sub` claim: a client, or `NAME|SUB` for a user.
    package let subject: String
    /// Nil when the request asked for no particular scope: then it gets everything that is allowed.
    package let requestedScopes: ScopeSet?
    /// `client_id/NAME` when the request named an instance.
    package var agentInstance: QualifiedName?
    package var task: QualifiedName?
    package var session: QualifiedName?
    package var reason: String?
    /// What limits the scopes beside client and resource: the subject token, the delegation.
    package var scopeCeilings: [ScopeCeiling] = []
    /// Seconds since 1970 that the token may not outlive: parents' `exp`, the delegation's end.
    package var expiryCeilings: [Int64] = []
    package var actors: ActorChain?
    /// What a platform said of the acting workload, for the audit record.
    package var actorEvidence: String?
    /// What the actor token is bound to.
    package var actorConfirmation: Confirmation?
    @Boxed package var delegation: Delegation?
    /// True when a rule just made the delegation: it is stored with the token.
    package var delegationIsNew = false
    package var subjectToken: SubjectToken?
    /// What the answer is asked to be (RFC 8693 section 2.1).
    package var requestedType: TokenType?
    /// Nil when the request asked for none: then what the exchanged token carries goes on (RFC 9396).
    package var requestedDetails: AuthorizationDetails?
    /// What the client proved to hold with this request: the token will be bound to it.
    package var confirmation: Confirmation?

    package var client: Client { sharedClient.value }
    package var target: Resource { sharedTarget.value }

    init(
        grant: GrantType, client: Shared<Client>, subject: String, target: Shared<Resource>, requestedScopes: ScopeSet?
    ) {
        self.grant = grant
        sharedClient = client
        self.subject = subject
        sharedTarget = target
        self.requestedScopes = requestedScopes
    }

    /// What the request names in the same way under every grant.
    init(grant: GrantType, client: Shared<Client>, subject: String, target: Shared<Resource>, terms: RequestedTerms) {
        self.init(grant: grant, client: client, subject: subject, target: target, requestedScopes: terms.scopes)
        agentInstance = terms.agentInstance
        task = terms.task
        session = terms.session
        reason = terms.reason
        requestedDetails = terms.details
    }

    package init(grant: GrantType, client: Client, subject: String, target: Resource, requestedScopes: ScopeSet?) {
        self.init(
            grant: grant, client: Shared(client), subject: subject, target: Shared(target),
            requestedScopes: requestedScopes
        )
    }
}

/// A limit on scopes and the words for who sets it.
package struct ScopeCeiling: Sendable {
    package let origin: String
    package let scopes: ScopeSet
}

/// What was exchanged.
package indirect enum SubjectToken: Sendable {
    /// One of our own access tokens.
    case own(AccessToken)
    /// A token of a trusted issuer.
    case foreign(ForeignToken)

    package var jti: String? {
        switch self {
        case .own(let token): token.identity.jti
        case .foreign(let token): token.jti
        }
    }
}

/// What every grant reads from a request in the same way.
struct RequestedTerms {
    let scopes: ScopeSet?
    let details: AuthorizationDetails?
    let agentInstance: QualifiedName?
    let task: QualifiedName?
    let session: QualifiedName?
    let reason: String?

    /// Bytes of a `reason`: room for 512 characters.
    private static let longestReason = 512

    init(_ parameters: Parameters, of client: ClientID) throws(OAuthError) {
        details = try parameters[.authorizationDetails].map { text throws(OAuthError) in
            try AuthorizationDetails(requested: text)
        }
        if let text = parameters[.scope] {
            guard let scopes = ScopeSet(text), !scopes.isEmpty else {
                throw OAuthError(.invalidScope, "scope \(ScopeSet.expectation)")
            }
            self.scopes = scopes
        } else {
            scopes = nil
        }
        func named(_ name: Parameters.Name) throws(OAuthError) -> QualifiedName? {
            guard let text = parameters[name] else { return nil }
            guard let qualified = QualifiedName(text, of: client) else {
                throw OAuthError(
                    .invalidRequest, "\(name.rawValue) must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ -"
                )
            }
            return qualified
        }
        agentInstance = try named(.agentID)
        task = try named(.taskID)
        session = try named(.sessionID)
        reason = parameters[.reason]
        if let reason, reason.count > Self.longestReason || !reason.isPrintable {
            throw OAuthError(.invalidRequest, "reason must be at most 512 characters without control characters")
        }
    }
}

/// Finds the one resource that a request is for (RFC 8707, RFC 8693 `audience`).
struct Target {
    let registry: Registry

    /// - Throws: `invalid_target` when it is missing, unknown, or more than one.
    func resolve(_ parameters: Parameters, for client: Client, audiences: Bool) throws(OAuthError) -> Shared<Resource> {
        var found: Shared<Resource>?
        func add(_ resource: Shared<Resource>) throws(OAuthError) {
            if let found, found.value.uri != resource.value.uri {
                throw OAuthError(.invalidTarget, "a token is for exactly one resource: ask for one at a time")
            }
            found = resource
        }
        let resources = parameters.all(.resource)
        guard resources.count <= 8 else {
            throw OAuthError(.invalidTarget, "a token is for exactly one resource: ask for one at a time")
        }
        for text in resources {
            // What is registered is well-formed: only what is not needs a closer look, for the error's sake.
            guard let resource = registry.shared(ResourceURI(unchecked: text)) else {
                let isWellFormed = ResourceURI(text) != nil
                throw OAuthError(
                    .invalidTarget,
                    isWellFormed
                        ? "no such resource is registered; it is compared byte by byte"
                        : "resource must be an absolute https URI without fragment"
                )
            }
            try add(resource)
        }
        if audiences {
            let audiences = parameters.all(.audience)
            guard audiences.count <= 8 else {
                throw OAuthError(.invalidTarget, "a token is for exactly one resource: ask for one at a time")
            }
            for text in audiences { try add(try named(text)) }
        }
        if let found { return found }
        guard client.resources.count == 1, let only = client.resources.first,
            let resource = registry.shared(only)
        else {
            throw OAuthError(.invalidTarget, "name the resource: the client has none or more than one")
        }
        return resource
    }

    /// A resource URI, a resource's name, or the id of a client that acts as one.
    private func named(_ text: String) throws(OAuthError) -> Shared<Resource> {
        if let resource = ResourceURI(text).flatMap({ registry.shared($0) }) { return resource }
        if let resource = registry.resource(named: text) { return Shared(resource) }
        if let client = ClientID(text).flatMap({ registry.client($0) }), let uri = client.actsAs,
            let resource = registry.shared(uri)
        {
            return resource
        }
        throw OAuthError(
            .invalidTarget, "audience must be a registered resource, its name, or a client that acts as one")
    }
}
