/// Why a token is not accepted. Descriptions are one sentence and repeat nothing of the token.
public enum RefusedToken: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call has no `Authorization` header.
    case missing
    /// Not an access token of this issuer that can be read. The text says what is wrong with it.
    case invalid(String)
    /// It is signed with a key that is not published. It may be a new one: the key set is being read again.
    case unknownKey
    /// It is for another resource.
    case wrongAudience
    /// Its `exp` has passed.
    case expired
    /// Its `nbf` is still to come.
    case notYetValid
    /// Something that it stands on was revoked.
    case revoked
    /// It is bound to a key or certificate (`cnf`), and came without proof: whoever only carries it may have stolen it.
    case bound
    /// It is bound to a key, and this gateway has no `publicURL` with which a proof could be compared.
    case unprovable
    /// It is bound to another client certificate than the one of the call.
    case wrongCertificate
    /// It is bound to nothing, and was sent as if it were, or where only bound tokens are accepted.
    case unbound
    /// The DPoP proof is missing, or is not good for this call. The text says what is wrong with it.
    case invalidProof(String)
    /// The proof must be made again with the nonce that comes with the answer (RFC 9449 section 9).
    case nonceNeeded
    /// One key has been used for so many calls that no more of its proofs can be remembered at the moment.
    case tooManyProofs
    /// It is good, but lacks this scope.
    case insufficientScope(String)
    /// The gateway cannot know what was revoked: it has just started, or the feed is silent for too long. Or it can
    /// remember no more proofs. It is not the token's fault.
    case unavailable

    public var description: String {
        switch self {
        case .missing: "An access token is required."
        case .invalid(let what): what
        case .unknownKey: "The key of the token is not known."
        case .wrongAudience: "The token is for another resource."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .revoked: "The token has been revoked."
        case .bound: "The token is bound to a key or certificate, and must be sent with proof of it."
        case .unprovable: "The token is bound to a key, and no proof of it can be taken here."
        case .wrongCertificate: "The token is bound to another client certificate."
        case .unbound: "The token must be bound to a key or certificate that its sender proves to hold."
        case .invalidProof(let what): what
        case .nonceNeeded: "The proof must carry the nonce of this answer."
        case .tooManyProofs: "The key has been used for too many calls at once."
        case .insufficientScope(let scope): "The token lacks the scope \(scope)."
        case .unavailable: "Revocations cannot be checked at the moment."
        }
    }
}
