package import JOSE

/// Private keys of the outside world: identity providers, clients, and those who would like to be one of them.
///
/// Making an RSA key takes long, so each is made once for the whole run.
package enum TestKeys {
    package struct MissingKey: Error { let algorithm: SignatureAlgorithm }

    private static let honest = make()
    private static let foreign = make()

    /// The key that the party is known by.
    package static func key(_ algorithm: SignatureAlgorithm) throws -> SigningKey {
        guard let key = honest[algorithm] else { throw MissingKey(algorithm: algorithm) }
        return key
    }

    /// A key that nobody has registered anywhere. There is none for RSA.
    package static func stranger(_ algorithm: SignatureAlgorithm = .es256) throws -> SigningKey {
        guard algorithm == .es256 || algorithm == .ed25519, let key = foreign[algorithm] else {
            throw MissingKey(algorithm: algorithm)
        }
        return key
    }

    private static let rsa: [UInt8]? = try? SigningKey.generate(.rs256).rawRepresentation

    private static func make() -> Keys { Keys() }

    /// Keys by algorithm; the two RSA algorithms share one.
    private struct Keys: Sendable {
        let es256 = try? SigningKey.generate(.es256)
        let ed25519 = try? SigningKey.generate(.ed25519)

        subscript(algorithm: SignatureAlgorithm) -> SigningKey? {
            switch algorithm {
            case .es256: es256
            case .ed25519: ed25519
            case .rs256, .ps256: rsa.flatMap { try? SigningKey(algorithm: algorithm, rawRepresentation: $0) }
            }
        }
    }

    /// A key set document with the public halves.
    package static func jwks(_ keys: SigningKey...) -> JSONObject {
        JWKSet(keys: keys.map(\.publicKey)).json
    }
}

extension SigningKey {
    /// A token with any header and any claims, signed as this key signs.
    package func sign(header: JSONObject, claims: JSONObject) throws -> String {
        let input = Base64URL.encode(header.serialized) + "." + Base64URL.encode(claims.serialized)
        return input + "." + Base64URL.encode(try signature(over: Array(input.utf8)))
    }

    /// A token with this key's usual header.
    ///
    /// - Parameters:
    ///   - type: the `typ`; nil leaves it out.
    ///   - isNamed: whether the header has the `kid`.
    package func sign(_ claims: JSONObject, type: String? = "JWT", isNamed: Bool = true) throws -> String {
        var header: JSONObject = ["alg": .string(algorithm.rawValue)]
        if let type { header["typ"] = .string(type) }
        if isNamed { header["kid"] = .string(keyID) }
        return try sign(header: header, claims: claims)
    }
}
