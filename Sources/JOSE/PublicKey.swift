internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials

/// The key objects of the crypto library, made once when a key is read.
enum PublicKey: Sendable {
    case p256(P256.Signing.PublicKey)
    case ed25519(Curve25519.Signing.PublicKey)
    case rsa(_RSA.Signing.PublicKey)

    /// What a key of this type can verify.
    var algorithms: Set<SignatureAlgorithm> {
        switch self {
        case .p256: [.es256]
        case .ed25519: [.ed25519]
        case .rsa: [.rs256, .ps256]
        }
    }

    /// SubjectPublicKeyInfo as PEM (RFC 7468, 13). The crypto library writes none for Ed25519.
    var pem: String? {
        switch self {
        case .p256(let key): key.pemRepresentation
        case .ed25519: nil
        case .rsa(let key): key.pemRepresentation
        }
    }

    /// Whether the signature is valid. False for an algorithm that is not one of this key type.
    func isValidSignature(
        _ signature: [UInt8], over message: some DataProtocol, algorithm: SignatureAlgorithm
    ) -> Bool {
        switch (self, algorithm) {
        case (.p256(let key), .es256):
            // Only the 64 bytes of r and s (RFC 7518, 3.4); DER has another length.
            guard let parsed = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else { return false }
            return key.isValidSignature(parsed, for: SHA256.hash(data: message))
        case (.ed25519(let key), .ed25519):
            return key.isValidSignature(signature, for: message)
        case (.rsa(let key), .rs256):
            let parsed = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return key.isValidSignature(parsed, for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5)
        case (.rsa(let key), .ps256):
            let parsed = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return key.isValidSignature(parsed, for: SHA256.hash(data: message), padding: .PSS)
        default:
            return false
        }
    }
}
