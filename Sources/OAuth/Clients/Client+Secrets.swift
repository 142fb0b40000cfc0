extension Client {
    /// Seconds that each secret of a client may be given to live: from a minute to ten years.
    package static let secretLifetimes = 60...315_360_000

    /// A secret of the client as it is stored, with the end that the client's lifetime gives it.
    package func digest(_ digest: [UInt8], at now: Timestamp) -> SecretDigest {
        SecretDigest(digest: digest, expiresAt: secretLifetime.map { now.adding(seconds: $0) })
    }

    /// The client with a new current secret. The one that was current until now works on for `grace` seconds, but never
    /// beyond its own end; at most these two are live.
    func rotated(
        to digest: [UInt8], grace: Int, at now: Timestamp
    ) -> (client: Client, previousEnds: Timestamp?) {
        var changed = self
        changed.revision += 1
        changed.secrets = [self.digest(digest, at: now)]
        guard grace > 0, let previous = secrets.first, previous.digest != digest,
            previous.isLive(at: now)
        else { return (changed, nil) }
        let graceEnds = now.adding(seconds: grace)
        let ends = previous.expiresAt.map { min($0, graceEnds) } ?? graceEnds
        changed.secrets.append(SecretDigest(digest: previous.digest, expiresAt: ends))
        return (changed, ends)
    }

    /// When the current secret ends (RFC 7591 section 3.2.1: seconds since 1970, 0 for never). Nil for a client that has
    /// no secret.
    package var secretExpiresAt: Int64? {
        guard authentication == .clientSecretBasic, let current = secrets.first else { return nil }
        return current.expiresAt?.seconds ?? 0
    }

    /// Gives the current secret another end when the lifetime was changed: it counts from now. What has ended stays so.
    mutating func endSecret(afterLifetimeFrom old: Int?, at now: Timestamp) {
        guard secretLifetime != old, let current = secrets.first, current.isLive(at: now) else { return }
        secrets[0] = digest(current.digest, at: now)
    }

    /// When a secret with which the client has just proved itself ends, if that is soon: in the last quarter of its
    /// life, or always once it was replaced.
    func warning(of secret: SecretDigest, at now: Timestamp) -> Timestamp? {
        guard let end = secret.expiresAt else { return nil }
        if secret.digest != secrets.first?.digest { return end }
        guard let secretLifetime else { return end }
        return end <= now.adding(seconds: max(1, secretLifetime / 4)) ? end : nil
    }
}

extension SecretDigest {
    func isLive(at now: Timestamp) -> Bool { expiresAt.map { now < $0 } ?? true }
}

extension AuthenticatedClient {
    /// When the secret ends with which the client proved itself, if it should hear of it.
    func secretWarning(at now: Timestamp) -> Timestamp? { secret.flatMap { client.warning(of: $0, at: now) } }
}

extension OAuthError {
    /// The rule of a refusal because a secret has ended.
    static let endedSecretRule = "client_secret_lifetime"

    /// The same answer as for a wrong secret. The record says that it was a right one once: whoever has it is no
    /// stranger, but is slowed down like one.
    static func endedSecret(_ secret: SecretDigest, of client: Client) -> OAuthError {
        var refusal = OAuthError(
            .invalidClient, OAuthError.invalidClient().description,
            detail: "the client secret ended at \(secret.expiresAt.map { RFC3339.text($0) } ?? "an unknown time")",
            rule: endedSecretRule
        )
        refusal.provenClient = client
        return refusal
    }
}
