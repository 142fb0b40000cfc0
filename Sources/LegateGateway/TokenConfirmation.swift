import JOSE

/// What the holder of a token has to prove (the `cnf` claim, RFC 7800).
public struct TokenConfirmation: Sendable, Equatable {
    /// `jkt`: the thumbprint of the key that the DPoP proof must be signed with (RFC 9449 section 6.1).
    public let keyThumbprint: String?
    /// `x5t#S256`: the SHA-256 of the client certificate in DER, in base64url (RFC 8705 section 3.1).
    public let certificateThumbprint: String?

    /// Reads the claim. What is not known is not passed over: a token that wants a proof nobody here can check is
    /// refused.
    ///
    /// - Throws: `JWTError.badClaim`.
    init(_ claim: JSON) throws(JWTError) {
        guard let members = claim.object?.members, !members.isEmpty else { throw .badClaim("cnf") }
        var keyThumbprint: String?
        var certificateThumbprint: String?
        for (name, value) in members {
            // Both are a SHA-256.
            guard let text = value.string, Base64URL.decode(text)?.count == 32 else { throw .badClaim("cnf") }
            switch name {
            case "jkt": keyThumbprint = text
            case "x5t#S256": certificateThumbprint = text
            default: throw .badClaim("cnf")
            }
        }
        self.keyThumbprint = keyThumbprint
        self.certificateThumbprint = certificateThumbprint
    }
}
