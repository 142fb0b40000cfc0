/// Why a DPoP proof is refused (RFC 9449 section 4.3). Descriptions are one short sentence and repeat nothing of the
/// proof.
package enum DPoPError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Not a JWT, or one whose algorithm, type or signature is not accepted.
    case token(JWTError)
    /// The header holds no public key that can be used.
    case key(JWKError)
    /// `jti` is missing, empty or too long.
    case identifier
    /// `htm` does not name the method of the request.
    case method
    /// `htu` does not name the URL of the request.
    case target
    /// `iat` is missing or not a whole number.
    case issuedAt
    /// `iat` is too long ago.
    case tooOld
    /// `iat`, or `nbf`, is too far ahead.
    case tooEarly
    /// `exp` has passed.
    case expired
    /// `nonce` is there, but not a text of a sensible length.
    case nonce
    /// `ath` does not name the access token of the request.
    case accessToken

    package var description: String {
        switch self {
        case .token(.algorithmNotAllowed):
            "alg of the DPoP proof must be one of \(Self.algorithms), and that of the key in its header."
        case .token(.wrongType): "typ of the DPoP proof must be \(DPoPProof.type)."
        case .token(let error): "The DPoP proof is not accepted: \(error.reason)."
        case .key(let error): "The jwk in the header of the DPoP proof is not accepted. \(error)"
        case .identifier: "jti of the DPoP proof must be a text of 1 to 256 bytes."
        case .method: "htm of the DPoP proof must be the method of the request, in the same case."
        case .target: "htu of the DPoP proof must be the URL of the request, without query and fragment."
        case .issuedAt: "iat of the DPoP proof must be a whole number of seconds."
        case .tooOld: "iat of the DPoP proof is more than a minute ago: sign a new one, and look at the clock."
        case .tooEarly: "iat or nbf of the DPoP proof is more than a minute ahead: look at the clock."
        case .expired: "exp of the DPoP proof has passed: sign a new one."
        case .nonce: "nonce of the DPoP proof must be a text of 1 to 256 bytes."
        case .accessToken: "ath of the DPoP proof must be the SHA-256 of the access token, in base64url."
        }
    }

    private static var algorithms: String { DPoPProof.algorithms.map(\.rawValue).joined(separator: ", ") }
}
