import JOSE

/// `workload`: at token exchange, an actor token of a trusted issuer is proof enough, when its subject is mapped to
/// a client that is registered for it. Some agents' platforms send nothing else.
package struct WorkloadMethod: ClientAuthentication {
    /// Not an IANA name, so not advertised.
    package static let names: [AuthenticationMethod] = []

    private let workloads: WorkloadVerifier

    package init(workloads: WorkloadVerifier) { self.workloads = workloads }

    package func isPresented(in request: ClientRequest) -> Bool {
        request.authorization == nil && request.parameters[.clientSecret] == nil
            && request.parameters[.clientAssertion] == nil && request.parameters[.clientAssertionType] == nil
            && request.parameters[.grantType] == GrantType.tokenExchange.rawValue
            && request.parameters[.actorToken] != nil && !CertificateMethod.isMeant(by: request, in: workloads.registry)
    }

    /// The client that the token claims to stand for, so that failures slow down whoever tries tokens for it.
    package func claimedClient(in request: ClientRequest) -> ClientID? {
        guard let compact = request.parameters[.actorToken], let jwt = try? UnverifiedJWT(compact) else { return nil }
        return workloads.client(claimedBy: jwt)?.id
    }

    /// The token endpoint looks at the tokens of a refused exchange itself.
    package func presented(in request: ClientRequest) -> String? { nil }

    package func authenticate(
        _ request: ClientRequest, at now: Timestamp
    ) async throws(OAuthError) -> ProvenClient {
        let compact = try request.parameters.required(.actorToken)
        let workload = try await verified(compact, at: now)
        guard let client = workloads.client(for: workload), client.authentication == .workload else {
            throw OAuthError.invalidClient(detail: "no workload client for \(workload.evidence)")
        }
        if let inForm = request.parameters[.clientID], inForm != client.id.text {
            throw OAuthError.invalidClient("client_id is not the client that the actor token stands for")
        }
        return ProvenClient(Shared(client), method: .workload, evidence: workload.evidence)
    }

    private func verified(_ compact: String, at now: Timestamp) async throws(OAuthError) -> VerifiedWorkload {
        func refusal(_ detail: String) -> OAuthError {
            OAuthError.invalidClient(
                "no client authentication, and the actor token does not prove a workload", detail: detail
            )
        }
        let jwt: UnverifiedJWT
        do {
            jwt = try UnverifiedJWT(compact)
        } catch {
            throw refusal("the actor token is not a JWT: \(error.reason)")
        }
        // No signature is checked, and no key fetched, for a workload that stands for nobody.
        guard workloads.client(claimedBy: jwt) != nil else { throw refusal("the actor token stands for no client") }
        do {
            return try await workloads.verify(jwt, role: .actor, at: now)
        } catch {
            throw refusal(error.fullText)
        }
    }
}
