import JOSE

/// A client assertion that is a token of a trusted issuer (RFC 7521 section 4.2 with an issuer that is not the client):
/// a platform vouches for its workload, and the workload is a client here. Clouds call it federated credentials.
///
/// Such an assertion has the URL of its issuer in `iss`, where the client's own has its `client_id`; the two cannot be
/// mistaken for each other.
struct WorkloadAssertion: Sendable {
    private let workloads: WorkloadVerifier

    init(workloads: WorkloadVerifier) { self.workloads = workloads }

    /// Whether the assertion says that somebody else than the client made it.
    static func isOne(_ jwt: UnverifiedJWT) -> Bool {
        jwt.claims[Claim.issuer]?.string.flatMap { IssuerURL($0) } != nil
    }

    func claimedClient(_ jwt: UnverifiedJWT) -> ClientID? { workloads.client(claimedBy: jwt)?.id }

    func prove(
        _ jwt: UnverifiedJWT, clientID inForm: String?, at now: Timestamp
    ) async throws(OAuthError) -> ProvenClient {
        // No signature is checked, and no key fetched, for a workload that stands for nobody.
        guard let claimed = workloads.client(claimedBy: jwt), claimed.authentication == .workload else {
            throw Self.refusal("the client assertion stands for no client with auth workload")
        }
        let workload: VerifiedWorkload
        do {
            workload = try await workloads.verify(jwt, role: .assertion, at: now)
        } catch {
            throw Self.refusal(error.fullText)
        }
        guard let client = workloads.client(for: workload), client.id == claimed.id else {
            throw Self.refusal("\(workload.evidence) does not stand for the client")
        }
        if let inForm, inForm != client.id.text {
            throw OAuthError.invalidClient("client_id is not the client that the assertion stands for")
        }
        let spends = try workloads.judgeAssertion(workload, at: now)
        return ProvenClient(Shared(client), method: .workload, spends: spends, evidence: workload.evidence)
    }

    /// The same words whether the workload is unknown or the proof is wrong.
    private static func refusal(_ detail: String) -> OAuthError {
        OAuthError.invalidClient("the client assertion was not accepted", detail: detail)
    }
}
