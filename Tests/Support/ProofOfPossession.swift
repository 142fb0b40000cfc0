package import JOSE
package import OAuth

/// A DPoP proof (RFC 9449 section 4.2) that starts out right; a test changes one thing.
package struct ProofOfPossession {
    package var header: JSONObject
    package var claims: JSONObject
    package let key: SigningKey

    /// - Parameters:
    ///   - accessToken: the token that it comes with; nil at the token endpoint.
    ///   - nonce: of the server.
    package init(
        _ method: String = "POST", _ url: String, key: SigningKey, at now: Timestamp, accessToken: String? = nil,
        nonce: String? = nil
    ) {
        self.key = key
        var jwk = key.publicKey.json
        for name in ["kid", "alg", "use"] { jwk[name] = nil }
        header = ["typ": "dpop+jwt", "alg": .string(key.algorithm.rawValue), "jwk": .object(jwk)]
        claims = [
            "jti": .string(Unguessable.text(bytes: 16)),
            "htm": .string(method),
            "htu": .string(url),
            "iat": .integer(now.seconds),
        ]
        if let accessToken { claims["ath"] = .string(DPoPProof.digest(of: accessToken)) }
        if let nonce { claims["nonce"] = .string(nonce) }
    }

    package func compact() throws -> String { try key.sign(header: header, claims: claims) }
}

extension LegateKit {
    /// The URL that proofs for the token endpoint name.
    package var tokenURL: String { issuer.text + "/token" }

    /// A token request with a DPoP proof.
    ///
    /// - Parameter adjust: changes the proof.
    @discardableResult
    package func boundToken(
        _ party: Party, for resource: ResourceURI? = World.calendar, scope: String? = nil, key: SigningKey,
        with more: [String: String] = [:], _ adjust: (inout ProofOfPossession) -> Void = { _ in }
    ) async throws -> TokenResponse {
        var form = Form([("grant_type", "client_credentials")])
        form.add("resource", resource?.text)
        form.add("scope", scope)
        form.add(more)
        return try await proven(form, by: party, key: key, adjust)
    }

    /// A token exchange with a DPoP proof.
    @discardableResult
    package func boundExchange(
        _ subjectToken: String, by party: Party, for resource: ResourceURI? = World.calendar, scope: String? = nil,
        type: TokenType = .accessToken, key: SigningKey, with more: [String: String] = [:],
        _ adjust: (inout ProofOfPossession) -> Void = { _ in }
    ) async throws -> TokenResponse {
        var form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", subjectToken),
            ("subject_token_type", type.rawValue),
        ])
        form.add("resource", resource?.text)
        form.add("scope", scope)
        form.add(more)
        return try await proven(form, by: party, key: key, adjust)
    }

    private func proven(
        _ form: Form, by party: Party, key: SigningKey, _ adjust: (inout ProofOfPossession) -> Void
    ) async throws -> TokenResponse {
        var proof = ProofOfPossession("POST", tokenURL, key: key, at: clock.time)
        adjust(&proof)
        let bare = try request(form, from: party)
        return try await server.tokenEndpoint.respond(
            to: ClientRequest(
                authorization: bare.authorization, parameters: bare.parameters, context: bare.context,
                presented: Presented(proofs: [try proof.compact()], method: "POST", url: tokenURL)
            )
        )
    }

    /// Goes on until proofs without a nonce are taken: those of the first minute may have been used before the start.
    package func passFirstMinute() { clock.advance(seconds: 61) }
}
