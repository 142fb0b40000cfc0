package import JOSE
package import OAuth

/// An identity provider whose users delegate to agents: it signs ID tokens with real keys.
package struct IdentityProvider: Sendable {
    package let name: IssuerName
    package let url: IssuerURL
    package let clock: TestClock
    /// Where its key set is, for a test that trusts it by URL.
    package var jwksURI: String { url.text + "/jwks" }

    package init(name: IssuerName, url: IssuerURL, clock: TestClock) {
        self.name = name
        self.url = url
        self.clock = clock
    }

    /// The public halves of one key for every algorithm that is not RSA.
    package func jwks() throws -> JSONObject { TestKeys.jwks(try TestKeys.key(.es256), try TestKeys.key(.ed25519)) }

    /// A user's token, right in every respect, with `claims` put over its own; a null removes one.
    package func token(
        _ subject: String = "alice", audience: IssuerURL, claims: JSONObject = [:], type: String? = "JWT",
        key: SigningKey? = nil, lifetime: Int64 = 300
    ) throws -> String {
        let now = clock.time.seconds
        let right: JSONObject = [
            "iss": .string(url.text),
            "sub": .string(subject),
            "aud": .string(audience.text),
            "iat": .integer(now),
            "exp": .integer(now + lifetime),
            "jti": .string(Unguessable.text(bytes: 8)),
        ]
        return try (key ?? TestKeys.key(.es256)).sign(right.merging(patch: claims), type: type)
    }

    /// How its user stands in our tokens.
    package func user(_ subject: String = "alice") -> String { "\(name)|\(subject)" }
}
