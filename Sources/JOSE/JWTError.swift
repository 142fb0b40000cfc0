/// Why a JWT is refused. Descriptions are one short sentence and repeat nothing of the token.
package enum JWTError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Not a compact JWS with a JSON header and JSON claims. The text says what is wrong with it.
    case malformed(String)
    /// The `alg` is not one of those accepted here.
    case algorithmNotAllowed
    /// No key, or not exactly one, is the key that the header asks for.
    case unknownKey
    /// The signature does not verify.
    case badSignature
    /// The `typ` is not one of those accepted here.
    case wrongType
    /// The claim of this name is missing, has the wrong form, or has a value that is not accepted. Names are Legate's
    /// own, never taken from the token.
    case badClaim(String)
    /// A claim is not accepted. The text is a clause that says which one and why, and repeats nothing of the token.
    case refusedClaim(String)

    package var description: String {
        switch self {
        case .malformed(let what): "The token is malformed: \(what)."
        case .algorithmNotAllowed: "The signature algorithm of the token is not accepted."
        case .unknownKey: "The key of the token is not known."
        case .badSignature: "The signature of the token is not valid."
        case .wrongType: "The type of the token is not accepted."
        case .badClaim(let claim): "The claim \(claim) of the token is not accepted."
        case .refusedClaim(let why): "The token is not accepted: \(why)."
        }
    }

    /// The same as a clause, for a sentence that names the token: `the actor token is not accepted: REASON`.
    package var reason: String {
        switch self {
        case .malformed(let what): what
        case .algorithmNotAllowed: "its signature algorithm is not accepted"
        case .unknownKey: "its key is not known"
        case .badSignature: "its signature is not valid"
        case .wrongType: "its type is not accepted"
        case .badClaim(let claim): "its claim \(claim) is missing or not as it must be"
        case .refusedClaim(let why): why
        }
    }
}
