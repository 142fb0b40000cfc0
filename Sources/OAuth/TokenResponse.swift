import JOSE

/// A successful answer of the token endpoint (RFC 6749 section 5.1, RFC 8693 section 2.2).
package struct TokenResponse: Sendable {
    package let accessToken: String
    /// Seconds.
    package let expiresIn: Int64
    package let scope: String
    /// Only for token exchange.
    package let issuedTokenType: TokenType?
    /// How the client has to present it (RFC 6749 section 7.1); `N_A` when that is not by OAuth's means (RFC 8693).
    package let tokenType: String
    /// What was granted: the token's claims, or those under which a credential was released.
    package let token: AccessToken
    /// When the secret ends with which the client proved itself, if that is soon.
    package var secretExpiresAt: Timestamp?
    /// What the next DPoP proof should carry, when nonces are wanted here (RFC 9449 section 8.2).
    package var nonce: String?

    init(_ minted: TokenMint.Minted, at now: Timestamp, grant: GrantType) {
        accessToken = minted.compact
        expiresIn = minted.token.expiresAt - now.seconds
        scope = minted.token.scopes.description
        issuedTokenType = grant == .tokenExchange ? .accessToken : nil
        tokenType = TokenPresentation.type(for: minted.token.confirmation)
        token = minted.token
    }

    /// A third party's credential (RFC 8693 section 2.2.1).
    init(_ credential: CredentialExchange.Credential, under claims: AccessToken, at now: Timestamp) {
        accessToken = credential.text
        expiresIn = credential.expiresAt - now.seconds
        scope = claims.scopes.description
        issuedTokenType = credential.type
        tokenType = credential.type == .accessToken ? TokenPresentation.bearer : "N_A"
        token = claims
    }

    package var json: [UInt8] {
        var json = JSONWriter(capacity: accessToken.utf8.count + 256)
        json.beginObject()
        json.member("access_token", accessToken)
        if let issuedTokenType { json.member("issued_token_type", issuedTokenType.rawValue) }
        json.member("token_type", tokenType)
        json.member("expires_in", expiresIn)
        json.member("scope", scope)
        if !token.authorizationDetails.isEmpty {
            json.member(Claim.authorizationDetails, json: token.authorizationDetails.json)
        }
        json.endObject()
        return json.bytes
    }
}
