/// The client's fault, in the words of RFC 6749 section 5.2. Anything else that is thrown is ours, and a 500.
///
/// Two texts: `description` goes on the wire, `detail` to the log and the audit record. Neither holds a secret.
package struct OAuthError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The closed list of error codes: the only place where they are spelled.
    package enum Code: String, Sendable, CaseIterable {
        case invalidRequest = "invalid_request"
        case invalidClient = "invalid_client"
        case invalidGrant = "invalid_grant"
        case unauthorizedClient = "unauthorized_client"
        case unsupportedGrantType = "unsupported_grant_type"
        case unsupportedResponseType = "unsupported_response_type"
        case unsupportedTokenType = "unsupported_token_type"
        case invalidScope = "invalid_scope"
        case invalidTarget = "invalid_target"
        case invalidAuthorizationDetails = "invalid_authorization_details"
        case accessDenied = "access_denied"
        case temporarilyUnavailable = "temporarily_unavailable"
        case serverError = "server_error"
        case slowDown = "slow_down"
        case invalidToken = "invalid_token"
        case insufficientScope = "insufficient_scope"
        case invalidDPoPProof = "invalid_dpop_proof"
        case useDPoPNonce = "use_dpop_nonce"
        case insufficientAuthorization = "insufficient_authorization"
    }

    package let code: Code
    /// One sentence that says what would have to change. Only the characters that RFC 6749 allows.
    package let description: String
    /// What the operator should know beyond that.
    package var detail: String?
    /// The policy rule that refused, for the audit record.
    package let rule: String
    /// Seconds after which a retry can succeed, when time alone is the obstacle.
    package let retryAfter: Int?
    /// The client that had proved itself when it was refused nevertheless. Such a refusal is audited; one of a stranger
    /// is not, for strangers must not fill the disk.
    @Boxed package var provenClient: Client?
    /// What the next DPoP proof has to carry, when the code says that (RFC 9449 section 8).
    package var nonce: String?

    package init(
        _ code: Code, _ description: String, detail: String? = nil, rule: String? = nil, retryAfter: Int? = nil
    ) {
        self.code = code
        self.description = Self.allowed(description)
        self.detail = detail
        self.rule = rule ?? code.rawValue
        self.retryAfter = retryAfter
    }

    /// Both texts in one, for the log.
    var fullText: String { detail.map { "\(description): \($0)" } ?? description }

    /// Characters of a description.
    private static let longest = 512

    /// `%x20-21 / %x23-5B / %x5D-7E`: quotes become apostrophes, anything else that is not allowed a question mark.
    private static func allowed(_ text: String) -> String {
        guard
            !text.utf8.allSatisfy({
                $0 == 0x20 || $0 == 0x21 || (0x23...0x5B).contains($0) || (0x5D...0x7E).contains($0)
            })
        else { return text.utf8.count <= longest ? text : String(text.prefix(longest)) }
        var result = ""
        for scalar in text.unicodeScalars.prefix(longest) {
            switch scalar.value {
            case 0x20, 0x21, 0x23...0x5B, 0x5D...0x7E: result.unicodeScalars.append(scalar)
            case 0x22: result.append("'")
            default: result.append("?")
            }
        }
        return result
    }
}
