import Crypto
import JOSE

@testable import LegateGateway

/// The holder of a key, who makes DPoP proofs with it (RFC 9449 section 4.2), or something like them.
struct Prover: Sendable {
    static let publicURL = "https://orders.example.com"

    let key: SigningKey

    init(_ algorithm: SignatureAlgorithm = .es256) throws { key = try SigningKey.generate(algorithm) }

    var thumbprint: String { key.publicKey.thumbprint }

    var jwk: JSONObject {
        var jwk = key.publicKey.json
        for name in ["kid", "alg", "use"] { jwk[name] = nil }
        return jwk
    }

    /// The claims of a good proof.
    func claims(
        _ token: String, at now: Int64, method: String = "GET", url: String = Self.publicURL + "/orders", id: String
    ) -> JSONObject {
        [
            "jti": .string(id), "htm": .string(method), "htu": .string(url), "iat": .integer(now),
            "ath": .string(Base64URL.encode(Array(SHA256.hash(data: Array(token.utf8))))),
        ]
    }

    func sign(_ claims: JSONObject, header change: (inout JSONObject) -> Void = { _ in }) throws -> String {
        var header: JSONObject = ["typ": "dpop+jwt", "alg": .string(key.algorithm.rawValue), "jwk": .object(jwk)]
        change(&header)
        let input = Base64URL.encode(header.serialized) + "." + Base64URL.encode(claims.serialized)
        return input + "." + Base64URL.encode(try key.signature(over: Array(input.utf8)))
    }

    /// A good proof for this call.
    func proof(
        _ token: String, at now: Int64, method: String = "GET", url: String = Self.publicURL + "/orders",
        id: String = "\(UInt64.random(in: .min ... .max))", nonce: String? = nil
    ) throws -> String {
        var claims = claims(token, at: now, method: method, url: url, id: id)
        if let nonce { claims["nonce"] = .string(nonce) }
        return try sign(claims)
    }
}
