import JOSE
import Vault

/// A client that proved who it is. Only the authenticator makes one, so no grant can run for an unproven client.
package struct AuthenticatedClient: Sendable {
    let shared: Shared<Client>
    package let method: AuthenticationMethod
    package var client: Client { shared.value }
    /// What the proof spends when the request succeeds, such as the `jti` of an assertion.
    package let spends: [Spend]
    /// Which of its secrets it proved itself with, when it was one.
    package let secret: SecretDigest?
    /// What its platform said of it, for the audit record.
    package let evidence: String?

    fileprivate init(_ proven: ProvenClient) {
        shared = proven.shared
        method = proven.method
        spends = proven.spends
        secret = proven.secret
        evidence = proven.evidence
    }
}

/// One way for a client to prove itself. One file each in `Methods/`.
package protocol ClientAuthentication: Sendable {
    /// The names under which the method is advertised (RFC 8414 `token_endpoint_auth_methods_supported`).
    static var names: [AuthenticationMethod] { get }
    /// Whether the request carries this kind of proof at all.
    func isPresented(in request: ClientRequest) -> Bool
    /// Whether a proof costs no more to check than a digest; a signature does.
    static var isCheap: Bool { get }
    /// Whether the log may name the client that a refused proof claimed to be.
    static var namesClaimed: Bool { get }
    /// The client that the proof claims to be, before anything is checked; for throttling.
    func claimedClient(in request: ClientRequest) -> ClientID?
    /// What the request presents as a proof that is a secret or could be taken for one.
    func presented(in request: ClientRequest) -> String?
    /// Checks the proof.
    ///
    /// - Throws: `invalid_client`, always with the same words whether the client is unknown or the proof is wrong.
    func authenticate(
        _ request: ClientRequest, at now: Timestamp
    ) async throws(OAuthError) -> ProvenClient
}

extension ClientAuthentication {
    package static var isCheap: Bool { false }
    package static var namesClaimed: Bool { true }
}

/// What a method found out.
package struct ProvenClient: Sendable {
    let shared: Shared<Client>
    package let method: AuthenticationMethod
    package let spends: [Spend]
    package let secret: SecretDigest?
    package let evidence: String?
    package var client: Client { shared.value }

    package init(
        _ shared: Shared<Client>, method: AuthenticationMethod, spends: [Spend] = [], secret: SecretDigest? = nil,
        evidence: String? = nil
    ) {
        self.shared = shared
        self.method = method
        self.spends = spends
        self.secret = secret
        self.evidence = evidence
    }
}

/// Exactly one method must be presented, and it must be the one that the client is registered with.
package struct ClientAuthenticator: Sendable {
    private let methods: [any ClientAuthentication]
    private let takesCertificates: Bool
    private let canaries: CanaryWatch?
    private let throttle: FailureThrottle

    /// - Parameters:
    ///   - takesCertificates: whether our metadata names endpoints that take client certificates.
    ///   - canaries: who looks at the proofs that were refused.
    package init(
        methods: [any ClientAuthentication], takesCertificates: Bool = false, canaries: CanaryWatch? = nil,
        throttle: FailureThrottle = FailureThrottle()
    ) {
        self.methods = methods
        self.takesCertificates = takesCertificates
        self.canaries = canaries
        self.throttle = throttle
    }

    package var advertisedMethods: [AuthenticationMethod] { methods.flatMap { type(of: $0).names } }

    package func authenticate(
        _ request: ClientRequest, at now: Timestamp
    ) async throws(OAuthError) -> AuthenticatedClient {
        do throws(OAuthError) {
            return try await prove(request, at: now)
        } catch {
            for method in methods { canaries?.look(at: method.presented(in: request), in: request.context) }
            throw error
        }
    }

    private func prove(_ request: ClientRequest, at now: Timestamp) async throws(OAuthError) -> AuthenticatedClient {
        var presented: (any ClientAuthentication)?
        for method in methods where method.isPresented(in: request) {
            guard presented == nil else {
                throw OAuthError(.invalidRequest, "more than one client authentication method in one request")
            }
            presented = method
        }
        guard let method = presented else {
            if request.authorization != nil {
                throw OAuthError.invalidClient(
                    "the \(request.authorizationField) scheme is not one for clients")
            }
            throw OAuthError.invalidClient("no client authentication: send \(accepted)")
        }
        let refusal = try refusalIfWrong(method, request, at: now)
        do throws(OAuthError) {
            let proven = try await method.authenticate(request, at: now)
            guard proven.client.enabled else {
                var refusal = OAuthError.invalidClient(detail: "the client is disabled")
                refusal.provenClient = proven.client
                throw refusal
            }
            throttle.succeeded(proven.client.id, from: request.context.peer, at: now)
            return AuthenticatedClient(proven)
        } catch {
            if error.code == .invalidClient, error.provenClient == nil || error.rule == OAuthError.endedSecretRule {
                let attempt = self.attempt(method, request)
                throttle.failed(attempt, wasWary: refusal != nil, at: now)
                if let refusal { throw refusal }
                if error.provenClient == nil, type(of: method).namesClaimed { throw error.naming(attempt.client) }
            }
            throw error
        }
    }

    /// What can prove a client here.
    private var accepted: String {
        takesCertificates
            ? "a secret, a signed assertion, or client_id with a client certificate at an endpoint of "
                + "mtls_endpoint_aliases"
            : "a secret or a signed assertion"
    }

    /// What a wrong proof gets instead of the usual answer, when there were too many of them lately.
    ///
    /// - Throws: `slow_down` when nothing may be checked at all.
    private func refusalIfWrong(
        _ method: any ClientAuthentication, _ request: ClientRequest, at now: Timestamp
    ) throws(OAuthError) -> OAuthError? {
        guard throttle.isBusy(at: now) else { return nil }
        switch throttle.gate(attempt(method, request), at: now) {
        case .open: return nil
        case .wary(let refusal): return refusal
        case .closed(let refusal): throw refusal
        }
    }

    private func attempt(_ method: any ClientAuthentication, _ request: ClientRequest) -> FailureThrottle.Attempt {
        FailureThrottle.Attempt(
            client: method.claimedClient(in: request), from: request.context.peer, isCheap: type(of: method).isCheap
        )
    }
}

extension OAuthError {
    /// One answer for an unknown client, a wrong proof and a disabled client: nobody learns which it was.
    static func invalidClient(
        _ description: String = "client authentication failed", detail: String? = nil
    ) -> OAuthError {
        OAuthError(.invalidClient, description, detail: detail, rule: "client_authentication")
    }

    /// The same, and the detail says which client the refused proof was for. Nothing of it is proved.
    fileprivate func naming(_ claimed: ClientID?) -> OAuthError {
        guard let claimed else { return self }
        var error = self
        error.detail = "claimed client \(claimed): \(detail ?? description)"
        return error
    }
}
