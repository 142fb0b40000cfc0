/// Proves the gateway that asks: a client of kind gateway, by its secret or by a token of its own.
struct GatewayAuthenticator: Sendable {
    private let authenticator: ClientAuthenticator
    private let verifier: TokenVerifier
    private let registry: Registry
    /// Where a gateway's credentials come in.
    private static let field = "Legate-Gateway-Authorization"

    init(authenticator: ClientAuthenticator, verifier: TokenVerifier, registry: Registry) {
        self.authenticator = authenticator
        self.verifier = verifier
        self.registry = registry
    }

    /// - Parameter header: `Basic` with id and secret, or `Bearer` with a token.
    /// - Throws: `invalid_client`; a client that is not a gateway is named in it, so that the attempt is audited.
    func authenticate(
        _ header: String, context: RequestContext, at now: Timestamp
    ) async throws(OAuthError) -> Shared<Client> {
        let client: Shared<Client>
        switch BearerCredentials(header) {
        case .token(let compact):
            try verifier.admit(compact, from: context.peer, at: now)
            client = try holder(of: compact, from: context.peer, at: now)
        // The one DPoP header of a request is the agent's.
        case .malformed, .dpop:
            throw OAuthError.invalidClient("\(Self.field) must be Basic with id and secret, or Bearer with a token")
        case .absent:
            let request = ClientRequest(
                authorization: header, in: Self.field, parameters: .empty, context: context
            )
            client = try await authenticator.authenticate(request, at: now).shared
        }
        return try gateway(client)
    }

    /// The gateway that asks over a connection with its own certificate. `client_id` in its question says who it is.
    func authenticate(
        _ certificate: ClientCertificate, _ parameters: Parameters, context: RequestContext, at now: Timestamp
    ) async throws(OAuthError) -> Shared<Client> {
        let request = ClientRequest(
            authorization: nil, parameters: parameters, context: context, presented: Presented(certificate: certificate)
        )
        return try gateway(try await authenticator.authenticate(request, at: now).shared)
    }

    private func gateway(_ client: Shared<Client>) throws(OAuthError) -> Shared<Client> {
        guard client.value.kind == .gateway else {
            var refusal = OAuthError.invalidClient(detail: "the client is not a gateway")
            refusal.provenClient = client.value
            throw refusal
        }
        return client
    }

    /// A token that the gateway was issued for itself and for one of Legate's own APIs: no other server has ever seen
    /// it, so that no upstream can pass for the gateway.
    private func holder(
        of compact: String, from peer: String, at now: Timestamp
    ) throws(OAuthError) -> Shared<Client> {
        let token: AccessToken
        do throws(TokenVerifier.Failure) {
            token = try verifier.verify(compact, from: peer, at: now)
        } catch {
            throw OAuthError.invalidClient(detail: "the gateway's token: \(error)")
        }
        guard token.confirmation == nil else {
            throw OAuthError.invalidClient(detail: "the gateway's token is bound to a key or certificate")
        }
        guard registry.ownResources.contains(token.audience) else {
            throw OAuthError.invalidClient(detail: "the gateway's token is for \(token.audience)")
        }
        guard token.identity.subject == token.clientID.text, token.identity.actors == nil,
            let client = registry.shared(token.clientID)
        else { throw OAuthError.invalidClient(detail: "the gateway's token is for somebody else") }
        return client
    }
}
