/// What to answer to a call that was refused, whatever HTTP library the API is made with.
///
/// The challenge is that of RFC 6750 section 3 or RFC 9449 section 7.1, with the address of the resource's metadata (RFC
/// 9728 section 5.1).
public struct GatewayAnswer: Sendable {
    /// 401 without a good token, 403 without the scope, 429 for too many calls with one key, 503 while revocations cannot
    /// be checked.
    public let status: Int
    /// In order. A name can come twice.
    public let headers: [(name: String, value: String)]
    /// JSON.
    public let body: String

    init(_ refusal: RefusedToken, challenges: [String], nonce: String?) {
        let error: String
        var headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        switch refusal {
        case .insufficientScope:
            (status, error) = (403, "insufficient_scope")
        case .unavailable:
            (status, error) = (503, "temporarily_unavailable")
            headers.append(("Retry-After", "2"))
        case .tooManyProofs:
            (status, error) = (429, "too_many_requests")
            headers.append(("Retry-After", "30"))
        default:
            (status, error) = (401, refusal.error)
        }
        if status == 401 || status == 403 { headers += challenges.map { ("WWW-Authenticate", $0) } }
        if let nonce { headers.append(("DPoP-Nonce", nonce)) }
        self.headers = headers.map { (name: $0.0, value: $0.1) }
        body = #"{"error":"\#(error)","error_description":"\#(Challenges.quotable(refusal.description))"}"#
    }
}

extension RefusedToken {
    /// The word of the challenge (RFC 6750 section 3.1, RFC 9449 sections 7.1 and 9).
    var error: String {
        switch self {
        case .invalidProof: "invalid_dpop_proof"
        case .nonceNeeded: "use_dpop_nonce"
        case .insufficientScope: "insufficient_scope"
        default: "invalid_token"
        }
    }
}
