/// Why a JSON Web Key or a set of them is refused. Descriptions repeat nothing of the key.
package enum JWKError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The document is not a key or a set of keys. The text says what is wrong with it.
    case malformed(String)
    /// The key is of a kind, or for a purpose, that Legate does not support. In a set such a key is passed over
    /// (RFC 7517, 5). The text names the member.
    case unsupported(String)
    /// The key holds private or symmetric key material.
    case privateKey
    /// The point is not on the curve, or of small order.
    case invalidPoint
    /// The RSA modulus or exponent is out of the accepted range.
    case invalidRSAKey
    /// The declared algorithm is not one of the key's type.
    case algorithmDoesNotFit
    /// The set has more than 100 entries.
    case tooManyKeys
    /// Two keys of the set have the same `kid` and fit the same algorithm.
    case ambiguousKeys
    /// The set has no key that Legate can use.
    case noUsableKey

    package var description: String {
        switch self {
        case .malformed(let what): "The key is malformed: \(what)."
        case .unsupported(let member): "The value of \(member) in the key is not supported."
        case .privateKey: "The key contains private key material."
        case .invalidPoint: "The key is not a valid point of its curve."
        case .invalidRSAKey: "The RSA key must have 2048 to 8192 bits and an odd exponent from 65537 to 2^32."
        case .algorithmDoesNotFit: "The alg of the key does not fit its type."
        case .tooManyKeys: "The key set has more than 100 keys."
        case .ambiguousKeys: "The key set has two keys with the same kid for the same algorithm."
        case .noUsableKey: "The key set has no usable key."
        }
    }
}
