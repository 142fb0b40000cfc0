import JOSE

/// `workload`: at token exchange, an actor token of a trusted issuer is proof enough, when its subject is mapped to
/// a client that is registered for it. Some agents' platforms send nothing else.
package struct WorkloadMethod: ClientAuthentication {
    /// Not an IANA name, so not advertised.
    package static let names: [AuthenticationMethod] = []

    private let foreign: ForeignTokenVerifier

    package init(foreign: ForeignTokenVerifier) { self.foreign = foreign }

    package func isPresented(in request: ClientRequest) -> Bool {
        request.authorization == nil && request.parameters[.clientSecret] == nil
            && request.parameters[.clientAssertion] == nil && request.parameters[.clientAssertionType] == nil
            && request.parameters[.grantType] == GrantType.tokenExchange.rawValue
            && request.parameters[.actorToken] != nil
    }

    package func claimedClient(in request: ClientRequest) -> ClientID? { nil }

    /// The token endpoint looks at the tokens of a refused exchange itself.
    package func presented(in request: ClientRequest) -> String? { nil }

    package func authenticate(
        _ request: ClientRequest, at now: Timestamp
    ) async throws(OAuthError) -> ProvenClient {
        let compact = try request.parameters.required(.actorToken)
        let token: ForeignToken
        do {
            token = try await foreign.verify(try UnverifiedJWT(compact), role: "actor", at: now)
        } catch {
            throw OAuthError.invalidClient(
                "no client authentication, and the actor token does not prove a workload", detail: "\(error)"
            )
        }
        let workload = Workload(issuer: token.issuer.name, subject: token.subject.subject)
        guard let client = foreign.registry.client(for: workload), client.authentication == .workload else {
            throw OAuthError.invalidClient(detail: "no workload client for \(token.subject)")
        }
        if let inForm = request.parameters[.clientID], inForm != client.id.text {
            throw OAuthError.invalidClient("client_id is not the client that the actor token stands for")
        }
        return ProvenClient(Shared(client), method: .workload)
    }
}
