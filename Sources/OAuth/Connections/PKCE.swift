import Crypto
import JOSE

/// Proof key for code exchange (RFC 7636): whoever redeems the code is whoever asked for it.
struct PKCE: Sendable {
    /// 52 unreserved characters, 256 bits.
    let verifier: String
    static let method = "S256"

    static func make() -> PKCE { PKCE(verifier: Unguessable.text(bytes: 32)) }

    /// `BASE64URL(SHA256(ASCII(verifier)))`
    var challenge: String { Base64URL.encode(Array(SHA256.hash(data: Array(verifier.utf8)))) }
}
