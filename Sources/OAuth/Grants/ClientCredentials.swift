import JOSE

/// The client acts for itself (RFC 6749 section 4.4).
package struct ClientCredentials: Grant {
    package static let type = GrantType.clientCredentials

    private let registry: Registry

    package init(registry: Registry) { self.registry = registry }

    package func present(
        _ request: ClientRequest, by authenticated: AuthenticatedClient, at now: Timestamp
    ) async throws(OAuthError) -> Authorization {
        let client = authenticated.client
        let terms = try RequestedTerms(request.parameters, of: client.id)
        let target = try Target(registry: registry).resolve(request.parameters, for: client, audiences: false)
        return Authorization(
            grant: Self.type, client: authenticated.shared, subject: client.id.text, target: target, terms: terms
        )
    }
}
