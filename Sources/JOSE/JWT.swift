/// A JWT that has been taken apart but not verified (RFC 7519, 7.2).
///
/// Its claims are what anyone may have written: they serve to find the key to verify it with, and for nothing else.
package struct UnverifiedJWT: Sendable {
    package let header: JWTHeader
    /// Not verified; only for choosing the key.
    package let claims: JSONObject

    /// The header and the payload as they were sent, with the dot between them.
    private let signingInput: ArraySlice<UInt8>
    private let signature: [UInt8]

    /// Takes apart a JWS in compact form.
    ///
    /// - Parameter maximumLength: of the whole token, in bytes.
    /// - Throws: `JWTError.malformed`.
    package init(_ compact: String, maximumLength: Int = 16_384) throws(JWTError) {
        let parts = try CompactJWS(compact, maximumLength: maximumLength)
        try self.init(parts, header: JWTHeader(parts.headerMembers()))
    }

    /// - Parameter header: what the header says; whoever has read it before need not read it again.
    init(_ parts: CompactJWS, header: JWTHeader) throws(JWTError) {
        self.header = header
        claims = try parts.claims()
        signature = try parts.decodedSignature()
        signingInput = parts.signingInput
    }

    /// Verifies the token with the one key of the set that its header asks for.
    ///
    /// - Throws: `JWTError.algorithmNotAllowed`, `.wrongType`, `.unknownKey` or `.badSignature`.
    package func verified(
        with keys: JWKSet, algorithms: Set<SignatureAlgorithm> = SignatureAlgorithm.all, types: JWTTypes
    ) throws(JWTError) -> VerifiedJWT {
        let algorithm = try allowedAlgorithm(algorithms, types: types)
        guard let key = keys.key(for: header) else { throw .unknownKey }
        return try verified(key, algorithm)
    }

    /// Verifies the token with one key. When both have a `kid`, it must be the same.
    ///
    /// - Throws: `JWTError.algorithmNotAllowed`, `.wrongType`, `.unknownKey` or `.badSignature`.
    package func verified(
        with key: JWK, algorithms: Set<SignatureAlgorithm> = SignatureAlgorithm.all, types: JWTTypes
    ) throws(JWTError) -> VerifiedJWT {
        let algorithm = try allowedAlgorithm(algorithms, types: types)
        if let asked = header.keyID, let named = key.keyID, !asked.isExactly(named) { throw .unknownKey }
        guard key.fits(algorithm) else { throw .algorithmNotAllowed }
        return try verified(key, algorithm)
    }

    private func allowedAlgorithm(
        _ algorithms: Set<SignatureAlgorithm>, types: JWTTypes
    ) throws(JWTError) -> SignatureAlgorithm {
        guard let algorithm = header.algorithm, algorithms.contains(algorithm) else { throw .algorithmNotAllowed }
        guard types.allows(header.type) else { throw .wrongType }
        return algorithm
    }

    private func verified(_ key: JWK, _ algorithm: SignatureAlgorithm) throws(JWTError) -> VerifiedJWT {
        guard key.isValidSignature(signature, over: signingInput, algorithm: algorithm) else { throw .badSignature }
        return VerifiedJWT(header: header, claims: claims)
    }
}

/// A JWT whose signature, algorithm and type have been verified. Its claims have not been judged yet.
///
/// Only `UnverifiedJWT.verified` makes one.
package struct VerifiedJWT: Sendable {
    package let header: JWTHeader
    package let claims: JSONObject

    fileprivate init(header: JWTHeader, claims: JSONObject) {
        self.header = header
        self.claims = claims
    }

    /// 9999-12-31T23:59:59Z, the last time that RFC 3339 can write.
    private static let latestTime: Int64 = 253_402_300_799

    /// The text of a claim, or nil when it is absent.
    ///
    /// - Throws: `JWTError.badClaim` when it is there but not a string; null is not a string.
    package func string(_ claim: String) throws(JWTError) -> String? {
        switch claims[claim] {
        case nil: return nil
        case .string(let text)?: return text
        default: throw .badClaim(claim)
        }
    }

    /// A NumericDate (RFC 7519, 2) in whole seconds since 1970, or nil when it is absent. A fraction is cut off.
    ///
    /// - Throws: `JWTError.badClaim` when it is not a number from 0 up to the end of the year 9999.
    package func time(_ claim: String) throws(JWTError) -> Int64? {
        let seconds: Int64?
        switch claims[claim] {
        case nil: return nil
        case .integer(let value)?: seconds = value
        case .number(let value)?: seconds = Int64(exactly: value.rounded(.down))
        default: seconds = nil
        }
        guard let seconds, (0...Self.latestTime).contains(seconds) else { throw .badClaim(claim) }
        return seconds
    }

    /// The `aud` claim, one string or several (RFC 7519, 4.1.3). Nil when it is absent, empty, or has any other form.
    package var audience: [String]? {
        switch claims["aud"] {
        case .string(let text)?: return [text]
        case .array(let elements)? where !elements.isEmpty:
            let texts = elements.compactMap(\.string)
            return texts.count == elements.count ? texts : nil
        default: return nil
        }
    }
}
