/// Why a token is not accepted. Descriptions are one sentence and repeat nothing of the token.
public enum RefusedToken: Error, Sendable, Equatable, CustomStringConvertible {
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
    /// It is bound to a key or certificate (`cnf`). Whoever only carries it has not proved to hold that, and this
    /// library cannot check it.
    case bound
    /// It is good, but lacks this scope.
    case insufficientScope(String)
    /// The gateway cannot know what was revoked: it has just started, or the feed is silent for too long. It is not the
    /// token's fault.
    case unavailable

    public var description: String {
        switch self {
        case .invalid(let what): what
        case .unknownKey: "The key of the token is not known."
        case .wrongAudience: "The token is for another resource."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .revoked: "The token has been revoked."
        case .bound: "The token is bound to a key, and no proof of it can be taken here."
        case .insufficientScope(let scope): "The token lacks the scope \(scope)."
        case .unavailable: "Revocations cannot be checked at the moment."
        }
    }
}
