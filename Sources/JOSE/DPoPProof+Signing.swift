extension DPoPProof {
    /// A proof as a client makes it (RFC 9449 section 4.2).
    ///
    /// - Parameters:
    ///   - url: of the request; query and fragment are left out.
    ///   - accessToken: the token that goes with it; nil at the token endpoint.
    ///   - nonce: the last one that the server gave.
    ///   - id: the `jti`, never used before.
    ///   - now: seconds since 1970.
    package static func signed(
        by key: SigningKey, method: String, url: String, accessToken: String?, nonce: String?, id: String, at now: Int64
    ) throws -> String {
        var jwk = key.publicKey.json
        // The key alone, without the names under which we know it.
        for name in ["kid", "alg", "use"] { jwk[name] = nil }
        let header: JSONObject = ["typ": .string(type), "alg": .string(key.algorithm.rawValue), "jwk": .object(jwk)]
        var claims: JSONObject = [
            "jti": .string(id), "htm": .string(method), "iat": .integer(now),
            "htu": .string(String(url.prefix { $0 != "?" && $0 != "#" })),
        ]
        if let accessToken { claims["ath"] = .string(digest(of: accessToken)) }
        if let nonce { claims["nonce"] = .string(nonce) }
        let input = Base64URL.encode(header.serialized) + "." + Base64URL.encode(claims.serialized)
        return input + "." + Base64URL.encode(try key.signature(over: Array(input.utf8)))
    }
}
