internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials

/// A private key that signs tokens (RFC 7515, 5.1).
///
/// It shows nothing of itself when it is printed, and has no other way out than `rawRepresentation`, which is for
/// sealing it.
package struct SigningKey: Sendable {
    /// The `kid`: the thumbprint of the public key (RFC 7638), so the same key has the same name everywhere.
    package let keyID: String
    package let algorithm: SignatureAlgorithm
    /// The key that verifies what this one signs, with `kid` and `alg`.
    package let publicKey: JWK

    private let key: PrivateKey
    /// The encoded header of access tokens, which are nearly all that is signed.
    private let accessTokenHeader: [UInt8]
    private static let accessTokenType = "at+jwt"

    /// A new random key. An RSA key gets 3072 bits.
    package static func generate(_ algorithm: SignatureAlgorithm) throws -> SigningKey {
        switch algorithm {
        case .es256: try SigningKey(.p256(P256.Signing.PrivateKey()), algorithm: algorithm)
        case .ed25519: try SigningKey(.ed25519(Curve25519.Signing.PrivateKey()), algorithm: algorithm)
        case .rs256, .ps256: try SigningKey(.rsa(_RSA.Signing.PrivateKey(keySize: .bits3072)), algorithm: algorithm)
        }
    }

    /// The key that `rawRepresentation` gave.
    ///
    /// - Throws: when the bytes are not a private key for the algorithm.
    package init(algorithm: SignatureAlgorithm, rawRepresentation bytes: [UInt8]) throws {
        let key: PrivateKey =
            switch algorithm {
            case .es256: .p256(try P256.Signing.PrivateKey(rawRepresentation: bytes))
            case .ed25519: .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: bytes))
            case .rs256, .ps256: .rsa(try _RSA.Signing.PrivateKey(derRepresentation: bytes))
            }
        try self.init(key, algorithm: algorithm)
    }

    private init(_ key: PrivateKey, algorithm: SignatureAlgorithm) throws {
        self.key = key
        self.algorithm = algorithm
        publicKey = try JWK(parameters: key.publicParameters(), algorithm: algorithm)
        keyID = publicKey.thumbprint
        accessTokenHeader = Self.header(type: Self.accessTokenType, algorithm: algorithm, keyID: keyID)
    }

    /// The secret bytes: 32 for ES256 (the scalar) and Ed25519 (the seed), PKCS #1 DER for RSA. Whoever asks for them
    /// wipes them.
    package var rawRepresentation: [UInt8] {
        switch key {
        case .p256(let key): Array(key.rawRepresentation)
        case .ed25519(let key): Array(key.rawRepresentation)
        case .rsa(let key): Array(key.derRepresentation)
        }
    }

    /// The signature as it stands in a JWS.
    package func signature(over message: [UInt8]) throws -> [UInt8] {
        Array(try key.signature(over: message, algorithm: algorithm))
    }

    /// A signed token in compact form (RFC 7515, 7.1).
    ///
    /// - Parameters:
    ///   - type: the `typ`, such as `at+jwt`.
    ///   - payload: the claims as JSON.
    package func compactJWS(type: String, payload: [UInt8]) throws -> String {
        let header =
            type == Self.accessTokenType
            ? accessTokenHeader : Self.header(type: type, algorithm: algorithm, keyID: keyID)
        var token: [UInt8] = []
        // An RSA signature is the longest.
        token.reserveCapacity(header.count + payload.count * 4 / 3 + (publicKey.supported.contains(.rs256) ? 700 : 96))
        token.append(contentsOf: header)
        token.append(UInt8(ascii: "."))
        Base64URL.append(payload, to: &token)
        let signature = try key.signature(over: token, algorithm: algorithm)
        token.append(UInt8(ascii: "."))
        Base64URL.append(signature, to: &token)
        return String(decoding: token, as: UTF8.self)
    }

    private static func header(type: String, algorithm: SignatureAlgorithm, keyID: String) -> [UInt8] {
        var writer = JSONWriter(capacity: 128)
        writer.beginObject()
        writer.member("typ", type)
        writer.member("alg", algorithm.rawValue)
        writer.member("kid", keyID)
        writer.endObject()
        var encoded: [UInt8] = []
        Base64URL.append(writer.bytes, to: &encoded)
        return encoded
    }
}

extension SigningKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "SigningKey(\(algorithm.rawValue) \(keyID), redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}

/// The key objects of the crypto library.
private enum PrivateKey: Sendable {
    case p256(P256.Signing.PrivateKey)
    case ed25519(Curve25519.Signing.PrivateKey)
    case rsa(_RSA.Signing.PrivateKey)

    func signature(over message: [UInt8], algorithm: SignatureAlgorithm) throws -> Data {
        switch self {
        case .p256(let key):
            return try key.signature(for: SHA256.hash(data: message)).rawRepresentation
        case .ed25519(let key):
            return try key.signature(for: message)
        case .rsa(let key):
            let padding: _RSA.Signing.Padding = algorithm == .ps256 ? .PSS : .insecurePKCS1v1_5
            return try key.signature(for: SHA256.hash(data: message), padding: padding).rawRepresentation
        }
    }

    /// The members of the public JWK that make the key.
    func publicParameters() throws -> JSONObject {
        switch self {
        case .p256(let key):
            let point = key.publicKey.rawRepresentation
            return [
                "crv": "P-256", "kty": "EC", "x": .string(Base64URL.encode(point.prefix(32))),
                "y": .string(Base64URL.encode(point.suffix(32))),
            ]
        case .ed25519(let key):
            return ["crv": "Ed25519", "kty": "OKP", "x": .string(Base64URL.encode(key.publicKey.rawRepresentation))]
        case .rsa(let key):
            let primitives = try key.publicKey.getKeyPrimitives()
            return [
                "e": .string(Base64URL.encode(primitives.publicExponent.drop { $0 == 0 })), "kty": "RSA",
                "n": .string(Base64URL.encode(primitives.modulus.drop { $0 == 0 })),
            ]
        }
    }
}
