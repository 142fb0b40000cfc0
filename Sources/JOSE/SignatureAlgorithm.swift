/// The signature algorithms that Legate makes and accepts (RFC 7518, 3; RFC 8037; RFC 9864).
///
/// There is no symmetric algorithm and no `none`: what is not in this list cannot be confused with what is.
package enum SignatureAlgorithm: String, Sendable, CaseIterable, Hashable {
    /// ECDSA with P-256 and SHA-256.
    case es256 = "ES256"
    /// EdDSA with Ed25519, under its fully specified name (RFC 9864, 2.2).
    case ed25519 = "Ed25519"
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
    case ps256 = "PS256"

    /// All of them, for a place that has no reason to accept fewer.
    package static let all = Set(allCases)

    /// The algorithm of an `alg` value. Upper and lower case are distinct (RFC 7515, 4.1.1).
    ///
    /// `EdDSA` is taken for Ed25519, the only curve here; RFC 9864 deprecates the name, but keys that declare it are in
    /// use.
    package init?(name: String) {
        if let algorithm = Self.allCases.first(where: { $0.rawValue.isExactly(name) }) {
            self = algorithm
        } else if name.isExactly("EdDSA") {
            self = .ed25519
        } else {
            return nil
        }
    }
}
