import JOSE
import Revocations

/// Signs tokens and batches as a Legate does, or nearly so.
struct Signer: Sendable {
    static let issuer = "https://auth.example.com"
    static let resource = "https://orders.example.com"

    let key: SigningKey

    init(_ algorithm: SignatureAlgorithm = .es256) throws { key = try SigningKey.generate(algorithm) }

    var set: JWKSet { JWKSet(keys: [key.publicKey]) }

    /// The claims of a good token; tests change them.
    static func claims(at now: Int64, issuer: String = Self.issuer) -> JSONObject {
        [
            "iss": .string(issuer), "sub": "acme|alice", "aud": .string(resource), "client_id": "planner",
            "iat": .integer(now), "exp": .integer(now + 300), "jti": "t1", "scope": "orders:read orders:write",
            "agent_id": "planner/seven", "delegation_id": "d1", "txn": "planner/invoice", "sid": "planner/monday",
            "act": ["sub": "planner", "agent_id": "planner/seven", "act": ["sub": "scout"]],
        ]
    }

    func token(_ claims: JSONObject, type: String = "at+jwt") throws -> String {
        try key.compactJWS(type: type, payload: claims.serialized)
    }

    func token(at now: Int64, issuer: String = Self.issuer, _ change: (inout JSONObject) -> Void = { _ in })
        throws -> String
    {
        var claims = Self.claims(at: now, issuer: issuer)
        change(&claims)
        return try token(claims)
    }

    func jws(_ batch: RevocationBatch, type: String = RevocationBatch.type) throws -> String {
        try key.compactJWS(type: type, payload: batch.payload)
    }
}
