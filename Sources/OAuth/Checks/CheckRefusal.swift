/// A call that must not go on, with what is needed to tell the agent how to get in.
package struct CheckRefusal: Error {
    /// Whose turn it is to change something. The raw value is the word of the metrics.
    package enum Kind: String, Sendable, CaseIterable {
        /// The agent sent no token.
        case noCredentials = "no_credentials"
        /// The agent's token is not good here.
        case invalidToken = "invalid_token"
        /// The agent's token is good, but not for this call.
        case insufficientScope = "insufficient_scope"
        /// The same of what its authorization details allow.
        case insufficientAuthorization = "insufficient_authorization"
        /// The gateway is not who it says, or asks about what is not its own.
        case gateway
        /// The gateway's question makes no sense.
        case request
    }

    package let kind: Kind
    package let error: OAuthError
    /// What was asked about, as far as it was understood.
    package let resource: Resource?
    /// What the call needs.
    package let scopes: ScopeSet
    /// What the agent sent.
    package let credentials: BearerCredentials
    /// The client that the request log should name.
    package let client: ClientID?

    init(_ error: OAuthError, of call: CheckedCall, _ request: CheckRequest) {
        self.error = error
        credentials = request.credentials
        kind =
            switch error.code {
            case .invalidToken: request.credentials == .absent ? .noCredentials : .invalidToken
            case .invalidDPoPProof, .useDPoPNonce: .invalidToken
            case .insufficientScope: .insufficientScope
            case .insufficientAuthorization: .insufficientAuthorization
            case .invalidClient, .accessDenied, .slowDown: .gateway
            default: .request
            }
        resource = call.resource
        scopes = call.scopes
        client = call.token?.clientID ?? call.gateway?.value.id ?? error.provenClient?.id
    }
}
