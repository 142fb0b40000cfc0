/// The public keys of one party (RFC 7517, 5).
package struct JWKSet: Sendable {
    package let keys: [JWK]

    /// The most entries that a set may have. Finding a key looks at each one.
    static let maximumCount = 100

    package init(keys: [JWK]) { self.keys = keys }

    /// Reads `{"keys": […]}`, or one bare key.
    ///
    /// Keys of a kind or for a purpose that is not supported are passed over; anything wrong with the others refuses the
    /// whole set, as does private key material anywhere.
    package init(json: JSON) throws(JWKError) {
        guard case .object(let object) = json else { throw .malformed("not a JSON object") }
        try JWK.refusePrivateMembers(of: object)
        let entries: [JSON]
        switch object["keys"] {
        case .array(let elements)?: entries = elements
        case nil where object["kty"] != nil: entries = [json]
        default: throw .malformed("neither a key nor a set of keys")
        }
        guard entries.count <= Self.maximumCount else { throw .tooManyKeys }

        var keys: [JWK] = []
        for entry in entries {
            let key: JWK
            do {
                key = try JWK(json: entry)
            } catch .unsupported {
                continue
            }
            let ambiguous = keys.contains { other in
                key.keyID != nil && key.keyID.isExactly(other.keyID)
                    && SignatureAlgorithm.allCases.contains { key.fits($0) && other.fits($0) }
            }
            guard !ambiguous else { throw .ambiguousKeys }
            keys.append(key)
        }
        guard !keys.isEmpty else { throw .noUsableKey }
        self.keys = keys
    }

    /// The one key that a token with this header must be verified with, or nil.
    ///
    /// A header with `kid` names its key exactly. Without one, the set must have exactly one key that fits the
    /// algorithm. No other key is ever tried.
    package func key(for header: JWTHeader) -> JWK? {
        guard let algorithm = header.algorithm else { return nil }
        guard let keyID = header.keyID else {
            var fitting = keys.lazy.filter { $0.fits(algorithm) }.makeIterator()
            guard let only = fitting.next(), fitting.next() == nil else { return nil }
            return only
        }
        return keys.first { $0.keyID.isExactly(keyID) && $0.fits(algorithm) }
    }

    /// The set as it is published.
    package var json: JSONObject {
        ["keys": .array(keys.map { .object($0.json) })]
    }
}
