import JOSE

/// What a webhook is told before a new version becomes current: a JWT of the server's own, which never holds the value.
///
/// The receiver reads the pending version with a token of its own when a rule lets it, puts the value in place where
/// it is needed, and answers 2xx; only then the version becomes current. It may be told twice of one version, always
/// under the same `jti`.
struct RotationAnnouncement {
    /// `typ` (RFC 8725 section 3.11).
    static let type = "secret-rotation+jwt"
    /// Seconds for which an announcement is good.
    private static let lifetime = 300

    let secret: VaultSecret
    let pending: RotationPlan.Pending
    let policy: SecretRotation
    let webhook: String

    func claims(from issuer: IssuerURL, at now: Timestamp) -> JSONObject {
        [
            Claim.issuer: .string(issuer.text),
            Claim.audience: .string(webhook),
            Claim.issuedAt: .integer(now.seconds),
            Claim.expires: .integer(now.adding(seconds: Self.lifetime).seconds),
            Claim.jwtID: .string(pending.announcement),
            "secret": .string(secret.name.text),
            "kind": .string(secret.kind.rawValue),
            "version": .integer(Int64(pending.version)),
            "previous_version": secret.current.map { .integer(Int64($0)) } ?? .null,
            "grace": .integer(Int64(policy.grace)),
            "state": "pending",
        ]
    }

    /// The announcement as a compact JWS, signed with the key that signs tokens.
    func signed(with keys: SigningKeys, issuer: IssuerURL, at now: Timestamp) throws -> String {
        guard let key = keys.active(.es256, at: now) else { throw MissingSigningKey(algorithm: .es256) }
        return try key.compactJWS(type: Self.type, payload: JSON.object(claims(from: issuer, at: now)).serialized)
    }
}
