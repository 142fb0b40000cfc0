internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials

/// A public key for verifying signatures (RFC 7517; RFC 7518, 6; RFC 8037, 2).
///
/// A value of this type has been checked in full: the point is on its curve, the sizes are in range, the encodings are
/// canonical, and nothing private was in the document. It holds the key ready for use.
package struct JWK: Sendable {
    /// The `kid`, or nil when the key has none.
    package let keyID: String?
    /// The `alg` that the key declares, or nil. A key that declares one verifies nothing else.
    package let algorithm: SignatureAlgorithm?
    /// What a key of this type can verify, whatever it declares.
    package let supported: Set<SignatureAlgorithm>
    /// The SHA-256 thumbprint in base64url (RFC 7638).
    package let thumbprint: String

    /// The members that make the key, in the order of RFC 7638, 3.3.
    private let parameters: JSONObject
    private let publicKey: PublicKey

    /// The longest `kid` that is accepted, in bytes of UTF-8.
    static let maximumKeyIDLength = 512

    /// Reads one key of a document from outside.
    ///
    /// Members that are not known are ignored (RFC 7517, 4).
    package init(json: JSON) throws(JWKError) {
        guard case .object(let object) = json else { throw .malformed("not a JSON object") }
        try Self.refusePrivateMembers(of: object)
        let type = try Self.requiredString("kty", of: object)

        switch type {
        case "EC":
            guard try Self.requiredString("crv", of: object) == "P-256" else { throw .unsupported("crv") }
            let x = try Self.coordinate("x", of: object)
            let y = try Self.coordinate("y", of: object)
            let representation = [0x04] + x.bytes + y.bytes
            guard let key = try? P256.Signing.PublicKey(x963Representation: representation) else { throw .invalidPoint }
            publicKey = .p256(key)
            parameters = ["crv": "P-256", "kty": "EC", "x": .string(x.text), "y": .string(y.text)]
        case "OKP":
            guard try Self.requiredString("crv", of: object) == "Ed25519" else { throw .unsupported("crv") }
            let x = try Self.coordinate("x", of: object)
            guard Edwards25519.isStrongPublicKey(x.bytes),
                let key = try? Curve25519.Signing.PublicKey(rawRepresentation: x.bytes)
            else { throw .invalidPoint }
            publicKey = .ed25519(key)
            parameters = ["crv": "Ed25519", "kty": "OKP", "x": .string(x.text)]
        case "RSA":
            let n = try Self.unsignedInteger("n", of: object)
            let e = try Self.unsignedInteger("e", of: object)
            guard Self.isAcceptable(modulus: n.bytes, exponent: e.bytes),
                let key = try? _RSA.Signing.PublicKey(n: n.bytes, e: e.bytes)
            else { throw .invalidRSAKey }
            publicKey = .rsa(key)
            parameters = ["e": .string(e.text), "kty": "RSA", "n": .string(n.text)]
        default:
            throw .unsupported("kty")
        }

        supported = publicKey.algorithms
        keyID = try Self.optionalString("kid", of: object)
        if let keyID, keyID.utf8.count > Self.maximumKeyIDLength { throw .malformed("kid is too long") }
        algorithm = try Self.algorithm(of: object, supported: supported)
        try Self.checkPurpose(of: object)
        thumbprint = Base64URL.encode(Array(SHA256.hash(data: parameters.serialized)))
    }

    /// The public members, with `kid` and `alg` when the key has them, and `use`.
    package var json: JSONObject {
        var object = parameters
        if let keyID { object["kid"] = .string(keyID) }
        if let algorithm { object["alg"] = .string(algorithm.rawValue) }
        object["use"] = "sig"
        return object
    }

    /// The key as PEM (RFC 7468, 13), for programs that read nothing else; nil for a type that has none here.
    package var pem: String? { publicKey.pem }

    /// Whether a signature of this algorithm can be verified: the key's type must fit and so must its `alg`, if any.
    package func fits(_ algorithm: SignatureAlgorithm) -> Bool {
        supported.contains(algorithm) && (self.algorithm == nil || self.algorithm == algorithm)
    }

    /// Whether the signature is valid. False when the key does not fit the algorithm.
    ///
    /// - Parameter signature: as in a JWS; for ES256 the 64 bytes of r and s.
    package func isValidSignature(
        _ signature: [UInt8], over message: [UInt8], algorithm: SignatureAlgorithm
    ) -> Bool {
        isValidSignature(signature, over: message[...], algorithm: algorithm)
    }

    func isValidSignature(
        _ signature: [UInt8], over message: ArraySlice<UInt8>, algorithm: SignatureAlgorithm
    ) -> Bool {
        fits(algorithm) && publicKey.isValidSignature(signature, over: message, algorithm: algorithm)
    }

    /// The public part of a key of our own.
    ///
    /// - Parameter parameters: the members that make the key, without kid and alg.
    init(parameters: JSONObject, algorithm: SignatureAlgorithm) throws(JWKError) {
        let bare = try JWK(json: .object(parameters))
        guard bare.supported.contains(algorithm) else { throw .algorithmDoesNotFit }
        keyID = bare.thumbprint
        self.algorithm = algorithm
        supported = bare.supported
        thumbprint = bare.thumbprint
        self.parameters = bare.parameters
        publicKey = bare.publicKey
    }
}

extension JWK: Equatable {
    /// Whether both are the same key with the same `kid` and `alg`.
    package static func == (left: JWK, right: JWK) -> Bool {
        left.thumbprint == right.thumbprint && left.algorithm == right.algorithm && left.keyID.isExactly(right.keyID)
    }
}

extension JWK {
    /// The private members of all registered key types (RFC 7518, 6.2.2, 6.3.2, 6.4; RFC 8037, 2; AKP).
    private static let privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]

    /// A private key in a document of public keys is a secret that has leaked: nothing of it is used.
    static func refusePrivateMembers(of object: JSONObject) throws(JWKError) {
        for name in privateMembers where object[name] != nil { throw .privateKey }
        if case .string("oct")? = object["kty"] { throw .privateKey }
    }

    private static func optionalString(_ name: String, of object: JSONObject) throws(JWKError) -> String? {
        switch object[name] {
        case nil: return nil
        case .string(let text)?: return text
        default: throw .malformed("\(name) is not a string")
        }
    }

    private static func requiredString(_ name: String, of object: JSONObject) throws(JWKError) -> String {
        guard let text = try optionalString(name, of: object) else { throw .malformed("\(name) is missing") }
        return text
    }

    private static func bytes(
        _ name: String, of object: JSONObject
    ) throws(JWKError) -> (text: String, bytes: [UInt8]) {
        let text = try requiredString(name, of: object)
        // Twice what the largest RSA modulus needs; nothing longer is worth decoding.
        guard text.utf8.count <= 2_732, let bytes = Base64URL.decode(text) else {
            throw .malformed("\(name) is not canonical base64url")
        }
        return (text, bytes)
    }

    /// A coordinate has the full 32 bytes, with leading zeros where needed (RFC 7518, 6.2.1.2).
    private static func coordinate(
        _ name: String, of object: JSONObject
    ) throws(JWKError) -> (text: String, bytes: [UInt8]) {
        let value = try bytes(name, of: object)
        guard value.bytes.count == 32 else { throw .malformed("\(name) does not have 32 bytes") }
        return value
    }

    /// A Base64urlUInt has no leading zero (RFC 7518, 2).
    private static func unsignedInteger(
        _ name: String, of object: JSONObject
    ) throws(JWKError) -> (text: String, bytes: [UInt8]) {
        let value = try bytes(name, of: object)
        guard let first = value.bytes.first, first != 0 else { throw .malformed("\(name) is not a canonical integer") }
        return value
    }

    private static func isAcceptable(modulus: [UInt8], exponent: [UInt8]) -> Bool {
        guard let first = modulus.first, let last = modulus.last, last & 1 == 1 else { return false }
        let bits = modulus.count * 8 - first.leadingZeroBitCount
        guard (2_048...8_192).contains(bits), exponent.count <= 5 else { return false }
        let value = exponent.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return value & 1 == 1 && (65_537...(1 << 32)).contains(value)
    }

    private static func algorithm(
        of object: JSONObject, supported: Set<SignatureAlgorithm>
    ) throws(JWKError) -> SignatureAlgorithm? {
        guard let name = try optionalString("alg", of: object) else { return nil }
        guard let algorithm = SignatureAlgorithm(name: name) else { throw .unsupported("alg") }
        guard supported.contains(algorithm) else { throw .algorithmDoesNotFit }
        return algorithm
    }

    /// A key that declares a purpose must declare this one (RFC 7517, 4.2 and 4.3).
    private static func checkPurpose(of object: JSONObject) throws(JWKError) {
        if let use = try optionalString("use", of: object), use != "sig" { throw .unsupported("use") }
        switch object["key_ops"] {
        case nil: break
        case .array(let operations)?:
            guard operations.allSatisfy({ $0.string != nil }) else {
                throw .malformed("key_ops is not a list of names")
            }
            guard operations.contains("verify") else { throw .unsupported("key_ops") }
        default: throw .malformed("key_ops is not a list of names")
        }
    }
}
