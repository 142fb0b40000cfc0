internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials
internal import JOSE
internal import X509

/// Turns the public key of a certificate into the members of a JWK, so that it can be compared with registered keys.
enum PublicKeyParameters {
    /// The members, or nil for a kind of key that is not used here.
    static func of(_ key: Certificate.PublicKey) -> JSONObject? {
        if let key = P256.Signing.PublicKey(key) {
            let point = Array(key.rawRepresentation)
            guard point.count == 64 else { return nil }
            return [
                "kty": "EC", "crv": "P-256", "x": .string(Base64URL.encode(point[..<32])),
                "y": .string(Base64URL.encode(point[32...])),
            ]
        }
        if let key = Curve25519.Signing.PublicKey(key) {
            return ["kty": "OKP", "crv": "Ed25519", "x": .string(Base64URL.encode(Array(key.rawRepresentation)))]
        }
        if let key = _RSA.Signing.PublicKey(key), let primitives = try? key.getKeyPrimitives() {
            return [
                "kty": "RSA", "n": .string(integer(Array(primitives.modulus))),
                "e": .string(integer(Array(primitives.publicExponent))),
            ]
        }
        return nil
    }

    /// A Base64urlUInt has no leading zero (RFC 7518 section 2).
    private static func integer(_ bytes: [UInt8]) -> String { Base64URL.encode(bytes.drop { $0 == 0 }) }
}
