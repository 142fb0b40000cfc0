/// A limit that a caller can run into, as the answer names it (`RateLimit-Policy`, IETF rate limit headers draft).
package struct RateLimitPolicy: Sendable, Equatable {
    package let name: String
    package let quota: Int
    /// Seconds.
    package let window: Int

    /// Failed authentications of one client from one address.
    package static let failedAuthentication = RateLimitPolicy(name: "failed-authentication", quota: 10, window: 60)
    /// The same of one client, from wherever it has not proved itself lately.
    package static let failedAuthenticationOfClient = RateLimitPolicy(
        name: "failed-authentication-client", quota: 100, window: 60
    )
    /// The same from one address, of whatever clients have not proved themselves there lately.
    package static let failedAuthenticationFromAddress = RateLimitPolicy(
        name: "failed-authentication-address", quota: 600, window: 60
    )
    /// Signatures of tokens from one address that were checked in vain.
    package static let failedSignatures = RateLimitPolicy(name: "failed-signatures", quota: 1000, window: 10)

    package static let all = [
        failedAuthentication, failedAuthenticationOfClient, failedAuthenticationFromAddress, failedSignatures,
    ]

    /// The policy that a refusal names as its rule.
    package static func named(_ rule: String) -> RateLimitPolicy? { all.first { $0.name == rule } }

    /// The refusal of whoever has used it up.
    ///
    /// - Parameter seconds: after which a retry can succeed.
    func refusal(_ what: String, retryAfter seconds: Int) -> OAuthError {
        OAuthError(
            .slowDown, "too many \(what); try again in \(seconds) seconds", rule: name, retryAfter: seconds
        )
    }
}
