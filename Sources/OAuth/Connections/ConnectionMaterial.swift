package import Vault

/// What is released of a connection: an access token that lives, and never longer than it does.
extension ConnectionKeeper: SecretMaterial {
    package func prepare(_ secret: VaultSecret, at now: Timestamp) async throws -> Int64? {
        var connection = try usable(secret)
        if connection.token?.isFresh(at: now) != true {
            await refresh(secret.name)
            connection = try usable(secret)
        }
        let time = self.now()
        guard let token = connection.token, token.lives(at: time) else {
            let pause = pause(of: secret.name)
            let wait = pause.map { ($0.until.milliseconds - time.milliseconds + 999) / 1000 } ?? 1
            throw SecretRefusal.unavailable(
                "the access token ended and there is no new one: \(pause?.reason ?? "try again")",
                retryAfter: Int(clamping: max(1, wait))
            )
        }
        return token.expiresAt?.seconds
    }

    /// The stored version is the access token itself.
    package func reveal(_ stored: Secret, of secret: VaultSecret) throws -> Secret { stored }

    private func usable(_ secret: VaultSecret) throws -> Connection {
        guard let connection = registry.connections.connection(secret.name) else {
            throw SecretRefusal.conflict("no account is connected yet: legate connection start \(secret.name)")
        }
        switch connection.status {
        case .connected: break
        case .pending:
            throw SecretRefusal.conflict("no account is connected yet: legate connection start \(secret.name)")
        case .broken:
            throw SecretRefusal.conflict(
                "the connection is broken: \(connection.mender) has to connect the account again with "
                    + "legate connection start \(secret.name)"
            )
        }
        // A user's own account is for agents that act for that user. A rule that lets in others was made by mistake.
        // Whose account it is, whoever reads by that rule must not hear.
        if let owner = connection.owner, secret.rules.contains(where: { $0.subject != owner }) {
            throw SecretRefusal.conflict(
                "a rule of the secret lets in others than whose account it is: an operator has to remove that rule")
        }
        return connection
    }
}
