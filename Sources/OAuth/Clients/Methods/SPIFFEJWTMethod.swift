import JOSE

/// `spiffe_jwt`: a JWT-SVID proves the client whose `spiffe_id` its `sub` is (draft-ietf-oauth-spiffe-client-auth
/// section 3.1).
///
/// `aud` must be our issuer and nothing else, so that nobody who is shown the SVID can use it here. The SVID is not
/// spent: agents of SPIFFE hand the same one to a workload until half its life is over, and so no `jti` in it could be
/// spent either. It lives for minutes; bind the client's tokens to a key where that is too long. An operator whose
/// platform makes a new SVID for each request says so with `single_use` of the trust domain.
package struct SPIFFEJWTMethod: ClientAuthentication {
    package static let names: [AuthenticationMethod] = [.spiffeJWT]
    package static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"

    private let workloads: WorkloadVerifier

    package init(workloads: WorkloadVerifier) { self.workloads = workloads }

    package func isPresented(in request: ClientRequest) -> Bool {
        request.parameters[.clientAssertionType] == Self.assertionType
    }

    package func claimedClient(in request: ClientRequest) -> ClientID? {
        guard let compact = request.parameters[.clientAssertion], let jwt = try? UnverifiedJWT(compact) else {
            return nil
        }
        return workloads.client(claimedBy: jwt)?.id
    }

    package func presented(in request: ClientRequest) -> String? { request.parameters[.clientAssertion] }

    package func authenticate(
        _ request: ClientRequest, at now: Timestamp
    ) async throws(OAuthError) -> ProvenClient {
        guard request.authorization == nil else {
            throw OAuthError(.invalidRequest, "more than one client authentication method in one request")
        }
        let jwt = try Self.parse(try request.parameters.required(.clientAssertion))
        // No signature is checked for a workload that stands for nobody.
        guard let claimed = workloads.client(claimedBy: jwt), claimed.authentication == .spiffeJWT else {
            throw Self.refusal("the JWT-SVID stands for no client with auth spiffe_jwt")
        }
        let workload: VerifiedWorkload
        do {
            workload = try await workloads.verify(jwt, role: .assertion, at: now)
        } catch {
            throw Self.refusal(error.fullText)
        }
        guard workload.issuer.kind == .spiffe, let client = workloads.client(for: workload), client.id == claimed.id
        else { throw Self.refusal("\(workload.evidence) is not a SPIFFE ID of the client") }
        // The draft names the client by its SPIFFE ID as well.
        if let inForm = request.parameters[.clientID], inForm != client.id.text, inForm != workload.subject {
            throw OAuthError.invalidClient("client_id is not the client that the JWT-SVID stands for")
        }
        let spends = try workloads.judgeAssertion(workload, at: now)
        return ProvenClient(Shared(client), method: .spiffeJWT, spends: spends, evidence: workload.evidence)
    }

    private static func parse(_ compact: String) throws(OAuthError) -> UnverifiedJWT {
        do {
            return try UnverifiedJWT(compact)
        } catch {
            throw refusal("the JWT-SVID is not a JWT: \(error.reason)")
        }
    }

    /// The same words whether the workload is unknown or the proof is wrong.
    private static func refusal(_ detail: String) -> OAuthError {
        OAuthError.invalidClient("the JWT-SVID was not accepted", detail: detail)
    }
}
