package import JOSE

/// What verifies the SVIDs of one trust domain (SPIFFE Trust Domain and Bundle section 4): keys for JWT-SVIDs, and the
/// authorities of X.509-SVIDs.
///
/// The two are kept apart: a key that is there for one kind verifies nothing of the other.
package struct SPIFFEBundle: Sendable {
    /// The keys with `use: jwt-svid`. Each has a `kid`.
    package let jwtKeys: JWKSet
    /// The certificates of the keys with `use: x509-svid`, as DER.
    package let authorities: [[UInt8]]
    /// `spiffe_sequence`: grows with every change of the bundle.
    package let sequence: Int64?
    /// `spiffe_refresh_hint`, in seconds.
    package let refreshHint: Int64?

    /// Entries of a bundle.
    private static let maximumCount = 100

    /// Reads a bundle document.
    ///
    /// Entries of another use, or without one, are passed over, and so are keys of a kind that is not supported here.
    /// Anything wrong with the others refuses the whole document. One without any entry is valid: the trust domain has
    /// withdrawn all its keys.
    package init(json: JSON) throws(JWKError) {
        guard case .object(let object) = json, case .array(let entries)? = object["keys"] else {
            throw .malformed("not a SPIFFE bundle: keys is not a list")
        }
        guard entries.count <= Self.maximumCount else { throw .tooManyKeys }
        var keys: [JWK] = []
        var authorities: [[UInt8]] = []
        for entry in entries {
            guard case .object(let entry) = entry else { throw .malformed("an entry of keys is not an object") }
            switch entry["use"] {
            case .string("jwt-svid")?:
                guard let key = try Self.key(entry) else { continue }
                guard !keys.contains(where: { $0.keyID == key.keyID }) else { throw .ambiguousKeys }
                keys.append(key)
            case .string("x509-svid")?: authorities.append(try Self.authority(entry))
            default: continue
            }
        }
        jwtKeys = JWKSet(keys: keys)
        self.authorities = authorities
        sequence = try Self.count("spiffe_sequence", of: object)
        refreshHint = try Self.count("spiffe_refresh_hint", of: object)
    }

    /// Whether any SVID could be verified with it.
    var canVerify: Bool {
        !authorities.isEmpty || jwtKeys.keys.contains { SVIDVerifier.algorithms.contains(where: $0.fits) }
    }

    /// Nil when the key is of a kind that verifies nothing here.
    private static func key(_ entry: JSONObject) throws(JWKError) -> JWK? {
        var plain = entry
        plain["use"] = nil
        let key: JWK
        do throws(JWKError) {
            key = try JWK(json: .object(plain))
        } catch .unsupported {
            return nil
        }
        guard key.keyID != nil else { throw .malformed("a key for JWT-SVIDs has no kid") }
        return key
    }

    /// Exactly one certificate, in standard base64 (RFC 7517 section 4.7).
    private static func authority(_ entry: JSONObject) throws(JWKError) -> [UInt8] {
        guard entry["d"] == nil else { throw .privateKey }
        guard let chain = entry["x5c"]?.array, chain.count == 1, let text = chain.first?.string,
            let der = StandardBase64.decode(text), der.first == 0x30
        else { throw .malformed("x5c of an X.509 authority is not one certificate") }
        return der
    }

    private static func count(_ name: String, of object: JSONObject) throws(JWKError) -> Int64? {
        guard let value = object[name], !value.isNull else { return nil }
        guard let number = value.integer, number >= 0 else { throw .malformed("\(name) is not a whole number") }
        return number
    }
}

/// Base64 with `+`, `/` and padding (RFC 4648 section 4), as it stands in `x5c`.
enum StandardBase64 {
    /// Nil when the text is not canonical: wrong length, other characters, bits that nothing needs.
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: "-"))
            case UInt8(ascii: "/"): bytes.append(UInt8(ascii: "_"))
            case UInt8(ascii: "-"), UInt8(ascii: "_"): return nil
            default: bytes.append(byte)
            }
        }
        guard bytes.count % 4 == 0 else { return nil }
        for _ in 0..<2 where bytes.last == UInt8(ascii: "=") { bytes.removeLast() }
        return Base64URL.decode(bytes)
    }
}
