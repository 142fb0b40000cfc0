internal import Crypto

/// A DPoP proof that stood every check that needs no memory (RFC 9449 section 4.3): well-formed, of the right type, signed
/// with an accepted algorithm by the key in its header, made for this request and this access token, lately.
///
/// What is left to whoever keeps the memory: that there was one proof only, that it was not used before, that its nonce
/// is a good one, and that its key is the one that the access token is bound to.
package struct DPoPProof: Sendable {
    /// The RFC 7638 thumbprint of the key: what `jkt` has to be.
    package let keyThumbprint: String
    /// `jti`, 1 to 256 bytes.
    package let id: String
    /// `iat`, in seconds since 1970.
    package let issuedAt: Int64
    /// `nonce`, as the sender wrote it; not checked.
    package let nonce: String?

    /// The `typ` (section 4.2).
    package static let type = "dpop+jwt"
    static let types = JWTTypes.exactly(type)
    /// Asymmetric ones only; RS256 is not among them, as for client assertions.
    package static let algorithms: [SignatureAlgorithm] = [.es256, .ed25519, .ps256]
    private static let accepted = Set(algorithms)
    /// Seconds that `iat` may differ from our clock, to either side.
    package static let window: Int64 = 60
    /// Bytes of a proof: room for the largest RSA key and its signature.
    private static let longest = 8_192
    private static let longestText = 256

    /// Verifies a proof.
    ///
    /// - Parameters:
    ///   - method: of the request, as it was sent.
    ///   - target: the URL of the request.
    ///   - accessToken: the token that came with it; nil at the token endpoint.
    ///   - headers: of good proofs that came before.
    ///   - now: seconds since 1970.
    package init(
        verifying compact: String, method: String, target: DPoPTarget, accessToken: String?, headers: DPoPHeaders,
        at now: Int64
    ) throws(DPoPError) {
        let (token, key) = try Self.verified(compact, headers)
        guard let id = token.claims["jti"]?.string, Self.isSensible(id) else { throw .identifier }
        self.id = id
        guard token.claims["htm"]?.string?.isExactly(method) == true else { throw .method }
        guard let text = token.claims["htu"]?.string, target.isNamed(by: text) else { throw .target }
        issuedAt = try Self.time(of: token, at: now)
        switch token.claims["nonce"] {
        case nil: nonce = nil
        case .string(let text)? where Self.isSensible(text): nonce = text
        default: throw .nonce
        }
        if let accessToken {
            guard token.claims["ath"]?.string?.isExactly(Self.digest(of: accessToken)) == true else {
                throw .accessToken
            }
        }
        keyThumbprint = key.thumbprint
    }

    /// `ath`: the SHA-256 of the token's ASCII, in base64url (section 4.2).
    package static func digest(of accessToken: String) -> String {
        Base64URL.encode(Array(SHA256.hash(data: Array(accessToken.utf8))))
    }

    /// The proof with a good signature by the key in its own header, and that key.
    private static func verified(_ compact: String, _ headers: DPoPHeaders) throws(DPoPError) -> (VerifiedJWT, JWK) {
        let parts: CompactJWS
        do throws(JWTError) {
            parts = try CompactJWS(compact, maximumLength: longest)
        } catch {
            throw .token(error)
        }
        let known = headers[parts.header]
        let held = if let known { known } else { try DPoPHeader(parts) }
        let verified: VerifiedJWT
        do throws(JWTError) {
            let token = try UnverifiedJWT(parts, header: held.header)
            verified = try token.verified(with: held.key, algorithms: accepted, types: types)
        } catch {
            throw .token(error)
        }
        if known == nil { headers.keep(held, for: parts.header) }
        return (verified, held.key)
    }

    /// `iat`, when it is within the window, and `exp` and `nbf` allow the proof, if they are there.
    private static func time(of token: VerifiedJWT, at now: Int64) throws(DPoPError) -> Int64 {
        guard let issuedAt = token.claims["iat"]?.integer else { throw .issuedAt }
        let (past, future) = (now.subtractingReportingOverflow(window), now.addingReportingOverflow(window))
        guard !past.overflow, !future.overflow, issuedAt >= 0 else { throw .issuedAt }
        guard issuedAt >= past.partialValue else { throw .tooOld }
        guard issuedAt <= future.partialValue else { throw .tooEarly }
        do throws(JWTError) {
            if let notBefore = try token.time("nbf"), notBefore > future.partialValue { throw .badClaim("nbf") }
        } catch {
            throw .tooEarly
        }
        do throws(JWTError) {
            if let expires = try token.time("exp"), expires <= past.partialValue { throw .badClaim("exp") }
        } catch {
            throw .expired
        }
        return issuedAt
    }

    private static func isSensible(_ text: String) -> Bool { (1...longestText).contains(text.utf8.count) }
}
