/// Who may follow the revocation feed: gateways and resources with the scope, by a token for the feed or by their own
/// client credentials, and operators.
package struct FeedAccess: Sendable {
    private let authenticator: ClientAuthenticator
    private let verifier: TokenVerifier
    private let registry: Registry
    private let ledger: Ledger
    private let now: Now

    package static let scope = "revocations:read"

    package init(
        authenticator: ClientAuthenticator, verifier: TokenVerifier, registry: Registry, ledger: Ledger,
        now: @escaping Now
    ) {
        self.authenticator = authenticator
        self.verifier = verifier
        self.registry = registry
        self.ledger = ledger
        self.now = now
    }

    /// A client that may read the feed, and by what right: asked again for as long as it follows.
    package struct Consumer: Sendable {
        package let clientID: ClientID
        fileprivate let token: AccessToken?
    }

    /// The consumer that presents its own client credentials.
    ///
    /// - Throws: `invalid_client`; `insufficient_scope` when it is not registered for the feed.
    package func consumer(_ request: ClientRequest) async throws -> Consumer {
        let authenticated = try await authenticator.authenticate(request, at: now())
        if !authenticated.spends.isEmpty {
            do {
                try await ledger.commit(Entry(changes: authenticated.spends.map(Change.spend)))
            } catch CommitFailure.spent {
                throw OAuthError.invalidClient("the client assertion was used before: sign a new one with another jti")
            }
        }
        let consumer = Consumer(clientID: authenticated.client.id, token: nil)
        guard mayFollow(consumer) else { throw refusal }
        return consumer
    }

    /// The consumer that presents a live token for the feed.
    ///
    /// - Throws: `insufficient_scope` when the token's client is not one that follows feeds.
    package func consumer(_ token: AccessToken) throws(OAuthError) -> Consumer {
        let consumer = Consumer(clientID: token.clientID, token: token)
        guard mayFollow(consumer) else { throw refusal }
        return consumer
    }

    /// Whether the consumer may go on reading.
    package func mayFollow(_ consumer: Consumer) -> Bool {
        guard let client = registry.client(consumer.clientID), client.enabled,
            [.gateway, .resource, .admin].contains(client.kind)
        else { return false }
        if let token = consumer.token {
            return token.scopes.contains(Self.scope) && verifier.isLive(token, at: now())
        }
        return client.scopes.contains(Self.scope) && client.resources.contains(registry.ownResources.revocations.uri)
    }

    private var refusal: OAuthError {
        OAuthError(
            .insufficientScope,
            "the feed is for clients of kind gateway or resource that are registered with the scope \(Self.scope)",
            detail: Self.scope
        )
    }
}
