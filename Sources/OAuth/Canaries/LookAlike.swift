import JOSE
import Vault

/// A credential that looks like a good one and opens nothing. It is shown once, to whoever plants it.
package struct LookAlike: Sendable {
    /// What stands where a secret, a token or a key would.
    package let value: String
    /// The id that goes with a client secret. No client has it.
    package let clientID: ClientID?

    /// What an API key begins with.
    private static let keyPrefix = "ak_live_"
    /// Days for which the token says it is good: long enough to be worth a try when it is found.
    private static let tokenDays: Int64 = 90

    /// - Parameters:
    ///   - keyID: the key that signs our tokens now, which the look-alike of a token names.
    ///   - audience: the resource that the look-alike of a token is for.
    static func make(
        _ kind: Canary.Kind, issuer: IssuerURL, keyID: String?, audience: ResourceURI, scopes: ScopeSet,
        at now: Timestamp
    ) throws -> LookAlike {
        switch kind {
        case .clientSecret: LookAlike(value: ClientSecret.generate(), clientID: .make())
        case .apiKey: LookAlike(value: keyPrefix + Unguessable.text(bytes: 32), clientID: nil)
        case .token:
            LookAlike(
                value: try token(issuer: issuer, keyID: keyID, audience: audience, scopes: scopes, at: now),
                clientID: nil
            )
        }
    }

    /// An access token with the name of a real key and the signature of one that is thrown away here: from outside only
    /// the signature tells it from a good one.
    private static func token(
        issuer: IssuerURL, keyID: String?, audience: ResourceURI, scopes: ScopeSet, at now: Timestamp
    ) throws -> String {
        let key = try SigningKey.generate(.es256)
        let client = ClientID.make()
        let token = AccessToken(
            identity: TokenIdentity(
                jti: Unguessable.timeOrdered(at: now), issuedAt: now.seconds, subject: client.text, clientID: client,
                agentID: client.text
            ),
            audience: audience, scopes: scopes, expiresAt: now.seconds + tokenDays * 86_400
        )
        let header: JSONObject = [
            "typ": .string(AccessToken.type), "alg": .string(SignatureAlgorithm.es256.rawValue),
            "kid": .string(keyID ?? key.keyID),
        ]
        let signed = Base64URL.encode(header.serialized) + "." + Base64URL.encode(token.payload(issuer: issuer))
        return signed + "." + Base64URL.encode(try key.signature(over: Array(signed.utf8)))
    }
}
