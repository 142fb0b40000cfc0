/// What Legate reads of a JOSE header (RFC 7515, 4.1).
///
/// Keys in the header, or addresses of keys (`jwk`, `jku`, `x5c`, `x5u`), are never looked at: whoever writes a token
/// does not choose what verifies it. The one exception is a `DPoPProof`, which proves nothing but that its writer holds
/// the key.
package struct JWTHeader: Sendable, Equatable {
    /// The `alg` as written.
    package let algorithmName: String
    /// The `alg`, or nil when it is not one that Legate supports.
    package let algorithm: SignatureAlgorithm?
    /// The `kid`, or nil when there is none.
    package let keyID: String?
    /// The `typ`, lower-cased and without `application/` when no other slash follows; nil when there is none.
    package let type: String?

    init(_ object: JSONObject) throws(JWTError) {
        // No extension is understood, and b64 would change what is signed (RFC 7515, 4.1.11; RFC 7797, 6).
        guard object["crit"] == nil, object["b64"] == nil else {
            throw .malformed("its header has critical extensions")
        }
        guard case .string(let name)? = object["alg"] else { throw .malformed("its header has no alg") }
        algorithmName = name
        algorithm = SignatureAlgorithm(name: name)

        keyID = try Self.optionalString("kid", of: object)
        if let keyID, keyID.utf8.count > JWK.maximumKeyIDLength { throw .malformed("its kid is too long") }

        let type = try Self.optionalString("typ", of: object)
        guard type?.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) ?? true else {
            throw .malformed("its typ is not a media type")
        }
        self.type = type.map(JWTTypes.normalized)
    }

    private static func optionalString(_ name: String, of object: JSONObject) throws(JWTError) -> String? {
        switch object[name] {
        case nil: return nil
        case .string(let text)?: return text
        default: throw .malformed("its \(name) is not a string")
        }
    }
}
