import JOSE

/// A token for a token (RFC 8693): the result names the subject and everyone who acts for it.
///
/// The acting party is the authenticated client. The subject is either one of our own tokens or a user's token from a
/// trusted issuer; in the second case a delegation, or a rule that makes one, must stand behind it.
package struct TokenExchange: Grant {
    package static let type = GrantType.tokenExchange

    private let registry: Registry
    private let verifier: TokenVerifier
    private let foreign: ForeignTokenVerifier
    private let workloads: WorkloadVerifier

    package init(
        registry: Registry, verifier: TokenVerifier, foreign: ForeignTokenVerifier, workloads: WorkloadVerifier
    ) {
        self.registry = registry
        self.verifier = verifier
        self.foreign = foreign
        self.workloads = workloads
    }

    package func present(
        _ request: ClientRequest, by authenticated: AuthenticatedClient, at now: Timestamp
    ) async throws(OAuthError) -> Authorization {
        let client = authenticated.client
        let parameters = request.parameters
        let terms = try RequestedTerms(parameters, of: client.id)
        let actor = try await checkActorToken(parameters, proves: client, at: now)
        let subject = try await subjectToken(parameters, at: now)
        let target = try Target(registry: registry).resolve(parameters, for: client, audiences: true)
        let requestedType = try requestedType(parameters, for: target.value)

        var authorization: Authorization
        switch subject {
        case .own(let token):
            authorization = try present(token, by: authenticated.shared, for: target, terms: terms)
        case .foreign(let token):
            authorization = try present(
                token, by: authenticated.shared, for: target, terms: terms, named: parameters[.delegationID], at: now
            )
        }
        authorization.subjectToken = subject
        authorization.requestedType = requestedType
        if let actor {
            authorization.expiryCeilings.append(actor.expiresAt)
            authorization.actorEvidence = actor.evidence
            authorization.actorConfirmation = actor.confirmation
        }
        return authorization
    }

    // MARK: The subject

    /// One of our own tokens keeps its subject, delegation, task and session; a new acting party adds an `act` level.
    private func present(
        _ token: AccessToken, by shared: Shared<Client>, for target: Shared<Resource>, terms: RequestedTerms
    ) throws(OAuthError) -> Authorization {
        let client = shared.value
        let identity = token.identity
        var authorization = Authorization(
            grant: Self.type, client: shared, subject: identity.subject, target: target, terms: terms
        )
        if identity.clientID == client.id {
            // A client that narrows its own token stays the same party.
            let instance = identity.agentID.flatMap { QualifiedName(qualified: $0) }
            guard terms.agentInstance == nil || terms.agentInstance == instance else {
                throw OAuthError(.invalidRequest, "agent_id differs from the one in the subject token")
            }
            authorization.agentInstance = instance
            authorization.actors = identity.actors
        } else {
            authorization.actors = ActorChain(
                Actor(clientID: client.id, agentID: terms.agentInstance?.text), earlier: identity.actors
            )
        }
        authorization.task = identity.task ?? terms.task
        authorization.session = identity.session ?? terms.session
        authorization.expiryCeilings = [token.expiresAt]
        authorization.scopeCeilings = [
            ScopeCeiling(origin: "the subject token", scopes: downstream(of: token, at: target.value, through: client))
        ]
        if let id = identity.delegationID {
            guard let delegation = registry.delegation(id) else {
                throw OAuthError(.invalidRequest, "the delegation of the subject token is gone", rule: "delegation")
            }
            bind(&authorization, to: delegation)
        }
        return authorization
    }

    /// A user's token from elsewhere counts for nothing until a delegation to this very client stands behind it.
    private func present(
        _ token: ForeignToken, by shared: Shared<Client>, for target: Shared<Resource>, terms: RequestedTerms,
        named: String?, at now: Timestamp
    ) throws(OAuthError) -> Authorization {
        let client = shared.value
        var authorization = Authorization(
            grant: Self.type, client: shared, subject: token.subject.claim, target: target, terms: terms
        )
        authorization.actors = ActorChain(Actor(clientID: client.id, agentID: terms.agentInstance?.text))
        authorization.expiryCeilings = [token.expiresAt]
        let (delegation, isNew) = try DelegationFinder(registry: registry).find(
            for: token, client: client.id, target: target.value, scopes: terms.scopes, details: terms.details,
            named: named, at: now
        )
        bind(&authorization, to: delegation)
        authorization.delegationIsNew = isNew
        return authorization
    }

    private func bind(_ authorization: inout Authorization, to delegation: Delegation) {
        authorization.delegation = delegation
        authorization.scopeCeilings.append(ScopeCeiling(origin: "the delegation", scopes: delegation.scopes))
        authorization.expiryCeilings.append(delegation.expiresAt.seconds)
    }

    /// The subject token's scopes, and those that an operator mapped from them for this client and target.
    private func downstream(of token: AccessToken, at target: Resource, through client: Client) -> ScopeSet {
        guard token.audience == client.actsAs, !client.exchangeScopes.isEmpty else { return token.scopes }
        let mapped = client.exchangeScopes.filter { $0.resource == target.uri && token.scopes.contains($0.from) }
        return token.scopes.union(ScopeSet(mapped.map(\.to)) ?? .empty)
    }

    private func subjectToken(_ parameters: Parameters, at now: Timestamp) async throws(OAuthError) -> SubjectToken {
        let compact = try parameters.required(.subjectToken)
        let type = TokenType(rawValue: try parameters.required(.subjectTokenType))
        guard [.accessToken, .idToken, .jwt].contains(type) else {
            throw OAuthError(
                .invalidRequest, "subject_token_type must be \(TokenType.accessToken.rawValue), id_token or jwt"
            )
        }
        let jwt = try Self.parse(compact, role: .subject)
        guard jwt.claims[Claim.issuer]?.string == registry.issuer.text else {
            return .foreign(try await foreign.verify(jwt, role: .subject, at: now))
        }
        guard type != .idToken else {
            throw OAuthError(.invalidRequest, "subject_token_type says id_token, but the token is an access token")
        }
        return .own(try verifyOwn(compact, role: .subject, at: now))
    }

    // MARK: The actor

    /// An actor token adds no rights: it must prove the client that is authenticated anyway.
    ///
    /// - Returns: when it expires, in seconds since 1970, what a platform said of its workload, what it is bound to.
    private func checkActorToken(
        _ parameters: Parameters, proves client: Client, at now: Timestamp
    ) async throws(OAuthError) -> (expiresAt: Int64, evidence: String?, confirmation: Confirmation?)? {
        guard let compact = parameters[.actorToken] else {
            guard parameters[.actorTokenType] == nil else {
                throw OAuthError(.invalidRequest, "actor_token_type without actor_token")
            }
            return nil
        }
        let type = TokenType(rawValue: try parameters.required(.actorTokenType))
        guard [.accessToken, .idToken, .jwt].contains(type) else {
            throw OAuthError(
                .invalidRequest, "actor_token_type must be \(TokenType.accessToken.rawValue), id_token or jwt"
            )
        }
        let jwt = try Self.parse(compact, role: .actor)
        if jwt.claims[Claim.issuer]?.string == registry.issuer.text {
            guard type != .idToken else {
                throw OAuthError(.invalidRequest, "actor_token_type says id_token, but the token is an access token")
            }
            let token = try verifyOwn(compact, role: .actor, at: now)
            guard token.clientID == client.id, token.identity.actors == nil, token.identity.subject == client.id.text
            else {
                throw OAuthError(
                    .invalidRequest, "the actor token must be the client's own, for itself", rule: "actor_token")
            }
            return (token.expiresAt, nil, token.confirmation)
        }
        let workload = try await workloads.verify(jwt, role: .actor, at: now)
        guard workloads.client(for: workload)?.id == client.id else {
            throw OAuthError(.invalidRequest, "the actor token does not stand for this client", rule: "actor_token")
        }
        // A workload's token that is bound proves nothing here, and was refused.
        return (workload.expiresAt, workload.evidence, nil)
    }

    // MARK: Shared

    /// Access tokens are all that is signed here; what a third party's API takes may be a key.
    private func requestedType(
        _ parameters: Parameters, for target: Resource
    ) throws(OAuthError) -> TokenType? {
        guard let text = parameters[.requestedTokenType] else { return nil }
        let known: [TokenType] = target.kind == .thirdParty ? [.accessToken, .apiKey] : [.accessToken]
        let requested = TokenType(rawValue: text)
        guard known.contains(requested) else {
            let names = known.map(\.rawValue).joined(separator: " or ")
            throw OAuthError(.invalidRequest, "requested_token_type can only be \(names)")
        }
        return requested
    }

    private static func parse(_ compact: String, role: TokenRole) throws(OAuthError) -> UnverifiedJWT {
        do {
            return try UnverifiedJWT(compact)
        } catch {
            throw OAuthError(
                .invalidRequest, "the \(role.noun) is not a JWT as it must be: \(error.reason)", rule: role.rule
            )
        }
    }

    private func verifyOwn(_ compact: String, role: TokenRole, at now: Timestamp) throws(OAuthError) -> AccessToken {
        do throws(TokenVerifier.Failure) {
            return try verifier.verify(compact, at: now)
        } catch {
            let why =
                switch error {
                case .notOurs: "is not a valid access token of this server"
                case .expired: "has expired"
                case .revoked: "has been revoked"
                case .unbound: "is not bound to what its client or resource demands"
                }
            throw OAuthError(.invalidRequest, "the \(role.noun) \(why)", detail: "\(error)", rule: role.rule)
        }
    }
}
