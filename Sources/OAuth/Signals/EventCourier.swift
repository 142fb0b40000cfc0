package import Vault

/// Carries a signed token to somebody else's endpoint, such as an event to its receiver (RFC 8935), under the same guards as `Fetcher`: no redirect is
/// followed, the address that is checked is the one that is spoken to, time and size are bounded.
package protocol EventCourier: Sendable {
    /// - Parameters:
    ///   - mediaType: what the token is.
    ///   - authorization: the value of the `Authorization` header.
    /// - Throws: when there was no answer, or the endpoint may not be spoken to.
    func push(
        _ token: String, as mediaType: String, to endpoint: String, authorization: Secret?, allowPrivate: Bool
    ) async throws(FetchError) -> PushAnswer
}

extension EventCourier {
    /// Pushes a security event token.
    package func push(
        _ token: String, to endpoint: String, authorization: Secret?, allowPrivate: Bool
    ) async throws(FetchError) -> PushAnswer {
        try await push(
            token, as: "application/secevent+jwt", to: endpoint, authorization: authorization,
            allowPrivate: allowPrivate
        )
    }
}

/// What a receiver said to a push.
package struct PushAnswer: Sendable, Equatable {
    package let status: Int
    /// The code of a refusal: `err` of RFC 8935 section 2.4, when there is one that can be read.
    package let refusal: String?

    package init(status: Int, refusal: String? = nil) {
        self.status = status
        self.refusal = refusal
    }
}
