package import JOSE
package import OAuth

extension IdentityProvider {
    /// A security event about one of its users (RFC 8417), right in every respect, with `claims` merged into its own; a
    /// null removes one.
    ///
    /// - Parameter algorithm: what the header says instead of the key's own.
    package func event(
        _ event: String, about subject: String = "alice", to audience: IssuerURL, claims: JSONObject = [:],
        type: String? = "secevent+jwt", key: SigningKey? = nil, algorithm: String? = nil
    ) throws -> String {
        var right: JSONObject = [
            "iss": .string(url.text),
            "aud": .string(audience.text),
            "iat": .integer(clock.time.seconds),
            "jti": .string(Unguessable.text(bytes: 8)),
            "sub_id": ["format": "iss_sub", "iss": .string(url.text), "sub": .string(subject)],
        ]
        var events = JSONObject()
        events[event] = ["event_timestamp": .integer(clock.time.seconds)]
        right["events"] = .object(events)
        let key = try key ?? TestKeys.key(.es256)
        var header: JSONObject = ["alg": .string(algorithm ?? key.algorithm.rawValue), "kid": .string(key.keyID)]
        if let type { header["typ"] = .string(type) }
        return try key.sign(header: header, claims: right.merging(patch: claims))
    }
}

extension LegateKit {
    /// Another identity provider, with the same keys as `corp` but users of its own.
    package func trustLab() async throws -> IdentityProvider {
        guard let name = IssuerName("lab"), let url = IssuerURL("https://lab.example.com") else {
            throw InvalidDocument("name", "lab")
        }
        let lab = IdentityProvider(name: name, url: url, clock: clock)
        try await create(
            .issuer, ["name": "lab", "issuer": .string(url.text), "jwks": .object(try lab.jwks())]
        )
        return lab
    }
}
