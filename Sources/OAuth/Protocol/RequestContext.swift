/// What the audit record should know of the request around a decision.
package struct RequestContext: Sendable {
    /// Our own id of the request, also in `X-Request-Id`.
    package let requestID: String
    /// The caller's trace (W3C Trace Context), 32 hex digits.
    package let traceID: String?
    /// Method and route, such as `POST /token`.
    package let endpoint: String
    /// The peer's address, for throttling. It is audited only when somebody uses a planted credential.
    package let peer: String

    package init(requestID: String, traceID: String?, endpoint: String, peer: String) {
        self.requestID = requestID
        self.traceID = traceID
        self.endpoint = endpoint
        self.peer = peer
    }
}
