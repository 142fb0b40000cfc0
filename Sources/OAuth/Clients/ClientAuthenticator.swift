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

    fileprivate init(_ proven: ProvenClient) {
        shared = proven.shared
        method = proven.method
        spends = proven.spends
        secret = proven.secret
    }
}

/// One way for a client to prove itself. One file each in `Methods/`.
package protocol ClientAuthentication: Sendable {
    /// The names under which the method is advertised (RFC 8414 `token_endpoint_auth_methods_supported`).
    static var names: [AuthenticationMethod] { get }
    /// Whether the request carries this kind of proof at all.
    func isPresented(in request: ClientRequest) -> Bool
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

/// What a method found out.
package struct ProvenClient: Sendable {
    let shared: Shared<Client>
    package let method: AuthenticationMethod
    package let spends: [Spend]
    package let secret: SecretDigest?
    package var client: Client { shared.value }

    package init(
        _ shared: Shared<Client>, method: AuthenticationMethod, spends: [Spend] = [], secret: SecretDigest? = nil
    ) {
        self.shared = shared
        self.method = method
        self.spends = spends
        self.secret = secret
    }
}

/// Exactly one method must be presented, and it must be the one that the client is registered with.
package struct ClientAuthenticator: Sendable {
    private let methods: [any ClientAuthentication]
    private let canaries: CanaryWatch?
    private let throttle: FailureThrottle

    /// - Parameter canaries: who looks at the proofs that were refused.
    package init(
        methods: [any ClientAuthentication], canaries: CanaryWatch? = nil, throttle: FailureThrottle = FailureThrottle()
    ) {
        self.methods = methods
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
        var presented: [any ClientAuthentication] = []
        for method in methods where method.isPresented(in: request) { presented.append(method) }
        guard let method = presented.first else {
            if request.authorization != nil {
                throw OAuthError.invalidClient("the Authorization scheme is not one for clients")
            }
            throw OAuthError.invalidClient("no client authentication: send a secret or a signed assertion")
        }
        guard presented.count == 1 else {
            throw OAuthError(.invalidRequest, "more than one client authentication method in one request")
        }
        if !throttle.isIdle, let claimed = method.claimedClient(in: request),
            let wait = throttle.secondsToWait(claimed, from: request.context.peer, at: now)
        {
            throw OAuthError(
                .slowDown, "too many failed authentications; try again in \(wait) seconds", retryAfter: wait
            )
        }
        do throws(OAuthError) {
            let proven = try await method.authenticate(request, at: now)
            guard proven.client.enabled else {
                var refusal = OAuthError.invalidClient(detail: "the client is disabled")
                refusal.provenClient = proven.client
                throw refusal
            }
            return AuthenticatedClient(proven)
        } catch {
            if error.code == .invalidClient, error.provenClient == nil || error.rule == OAuthError.endedSecretRule,
                let claimed = method.claimedClient(in: request)
            {
                throttle.recordFailure(claimed, from: request.context.peer, at: now)
            }
            throw error
        }
    }
}

extension OAuthError {
    /// One answer for an unknown client, a wrong proof and a disabled client: nobody learns which it was.
    static func invalidClient(
        _ description: String = "client authentication failed", detail: String? = nil
    ) -> OAuthError {
        OAuthError(.invalidClient, description, detail: detail, rule: "client_authentication")
    }
}
