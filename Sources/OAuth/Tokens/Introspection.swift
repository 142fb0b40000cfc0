import JOSE

/// Token introspection (RFC 7662): what a token is worth at this moment, told only to those it concerns.
package struct Introspection: Sendable {
    private let authenticator: ClientAuthenticator
    private let verifier: TokenVerifier
    private let registry: Registry
    private let keys: SigningKeys
    private let canaries: CanaryWatch
    private let ledger: Ledger
    private let now: Now

    package init(
        authenticator: ClientAuthenticator, verifier: TokenVerifier, registry: Registry, keys: SigningKeys,
        canaries: CanaryWatch, ledger: Ledger, now: @escaping Now
    ) {
        self.authenticator = authenticator
        self.verifier = verifier
        self.registry = registry
        self.keys = keys
        self.canaries = canaries
        self.ledger = ledger
        self.now = now
    }

    /// Who asks: a client with its own credentials, or the holder of an admin token with `tokens:read`.
    package enum Caller: Sendable {
        case client
        case operatorToken(AccessToken)
    }

    package struct Answer: Sendable {
        /// Nil when the token is inactive, for whatever reason.
        package let token: AccessToken?
        /// Who asked; the `aud` of a signed answer.
        package let caller: ClientID
        fileprivate let issuer: IssuerURL

        /// RFC 7662 section 2.2. An inactive token has no other member.
        package var json: [UInt8] {
            var json = JSONWriter(capacity: 640)
            write(to: &json)
            return json.bytes
        }

        fileprivate func write(to json: inout JSONWriter) {
            json.beginObject()
            json.member("active", token != nil)
            if let token {
                token.write(to: &json, issuer: issuer)
                json.member("token_type", TokenPresentation.type(for: token.confirmation))
            }
            json.endObject()
        }
    }

    /// - Throws: `OAuthError` when the caller is not authenticated or names no token. Never because of the token.
    package func answer(_ request: ClientRequest, from caller: Caller) async throws -> Answer {
        let time = now()
        switch caller {
        case .client:
            let authenticated = try await authenticator.authenticate(request, at: time, watchedBy: canaries)
            let compact = try request.parameters.required(.token)
            let token = (try? verifier.verify(compact, at: time)).flatMap {
                isVisible($0, to: authenticated.client) ? $0 : nil
            }
            if token == nil { canaries.look(atTokensIn: request) }
            if !authenticated.spends.isEmpty { try await spend(authenticated) }
            return Answer(token: token, caller: authenticated.client.id, issuer: registry.issuer)
        case .operatorToken(let access):
            let compact = try request.parameters.required(.token)
            let token = try? verifier.verify(compact, at: time)
            if token == nil { canaries.look(atTokensIn: request) }
            return Answer(token: token, caller: access.clientID, issuer: registry.issuer)
        }
    }

    /// The answer as a signed JWT (RFC 9701): for callers who must show it to others. No top-level `sub` or `exp`, so
    /// that it cannot be mistaken for an access token.
    package func signed(_ answer: Answer) throws -> String {
        let time = now()
        var json = JSONWriter(capacity: 768)
        json.beginObject()
        json.member(Claim.issuer, registry.issuer.text)
        json.member(Claim.audience, answer.caller.text)
        json.member(Claim.issuedAt, time.seconds)
        json.name("token_introspection")
        answer.write(to: &json)
        json.endObject()
        guard let key = keys.active(.es256, at: time) else { throw MissingSigningKey(algorithm: .es256) }
        return try key.compactJWS(type: "token-introspection+jwt", payload: json.bytes)
    }

    /// A resource sees tokens for what it acts as, a gateway those for its resources, an agent its own, an operator
    /// with `tokens:read` all. Everything else is inactive to them.
    private func isVisible(_ token: AccessToken, to client: Client) -> Bool {
        if token.clientID == client.id || token.audience == client.actsAs { return true }
        switch client.kind {
        case .gateway: return client.resources.contains(token.audience)
        case .admin:
            return client.scopes.contains("tokens:read") && client.resources.contains(registry.ownResources.admin.uri)
        case .agent, .resource: return false
        }
    }

    private func spend(_ client: AuthenticatedClient) async throws {
        do {
            try await ledger.commit(Entry(changes: client.spends.map(Change.spend)))
        } catch CommitFailure.spent {
            throw OAuthError.invalidClient("the client assertion was used before: sign a new one with another jti")
        }
    }
}
