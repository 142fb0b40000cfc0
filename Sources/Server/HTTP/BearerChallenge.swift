import JOSE
import OAuth

/// The challenge of a resource that takes access tokens (RFC 6750 section 3, RFC 9449 section 7.1), which also says where
/// its metadata is (RFC 9728 section 5.1).
enum BearerChallenge {
    enum Scheme: String {
        case bearer = "Bearer"
        case dpop = "DPoP"

        /// The scheme that would do, as far as the refused call tells.
        init(for credentials: BearerCredentials, _ error: OAuthError?, at resource: Resource) {
            let wantsProof =
                switch credentials {
                case .dpop: true
                case .absent, .token, .malformed:
                    resource.requireDPoP || error.map(PossessionCheck.wantsProof) ?? false
                }
            self = wantsProof ? .dpop : .bearer
        }
    }

    /// - Parameter error: nil when the caller sent no credentials (RFC 6750 section 3.1).
    static func header(
        _ error: OAuthError?, scheme: Scheme = .bearer, scope: String?, metadata: String
    ) -> String {
        var parts: [String] = []
        if let error {
            parts.append(#"error="\#(error.code.rawValue)""#)
            parts.append(#"error_description="\#(error.description)""#)
        }
        if let scope { parts.append(#"scope="\#(scope)""#) }
        parts.append(#"resource_metadata="\#(metadata)""#)
        if scheme == .dpop {
            parts.append(#"algs="\#(DPoPProof.algorithms.map(\.rawValue).joined(separator: " "))""#)
        }
        return scheme.rawValue + " " + parts.joined(separator: ", ")
    }
}
