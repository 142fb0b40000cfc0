package import JOSE
import Vault

/// What became of a connection that was ended.
package struct EndedConnection: Sendable {
    /// Whether the provider took its tokens back (RFC 7009); nil when it has no endpoint for that, or nothing was
    /// connected.
    package let isRevoked: Bool?
    /// Why not, for the operator.
    package let failure: String?

    package var document: JSONObject {
        ["revoked_at_provider": isRevoked.map(JSON.bool) ?? .null, "reason": .text(failure)]
    }
}

extension ConnectionDesk {
    /// Tells the provider that its tokens are not needed any more, erases what is kept, and ends the leases. The secret
    /// stays, with its rules and without a value.
    ///
    /// The provider comes first: a crash in between leaves a connection that the next refresh finds broken, never a
    /// grant at the provider that nobody here knows of. When the provider does not answer, everything is erased
    /// nevertheless and the answer says so: then the grant has to be ended on the provider's own pages.
    package func disconnect(_ name: SecretName, by caller: Operator) async throws -> EndedConnection {
        try caller.require(SecretDesk.writeScope)
        return try await keeper.exclusively(name) {
            let asked = try connection(name)
            let ended = try await revoke(asked, in: caller.context)
            FaultPoint.connectionRevoked.pass()
            for _ in 0..<ConnectionKeeper.attempts {
                let (connection, time) = (try connection(name), now())
                guard let secret = registry.secrets.secret(name) else { throw SecretRefusal.notFound }
                var defined = secret
                defined.current = nil
                defined.revision += 1
                var entry = Entry(changes: [
                    .keepSecret(defined, from: secret.revision), .dropConnection(name, from: connection.revision),
                    .endLeases(of: name, at: time, reason: "the account was disconnected"),
                ])
                if let version = connection.token?.version {
                    entry.changes.append(.setVersion(name, version, .destroyed, readableUntil: nil))
                }
                var event = connection.event(.connectionDisconnected, by: caller, reason: ended.failure, at: time)
                event.before = event.after
                event.after = ended.document.text
                entry.audit.append(event)
                do {
                    try await ledger.commit(entry)
                } catch CommitFailure.stale(_) {
                    continue
                } catch CommitFailure.missing(_) {
                    throw SecretRefusal.notFound
                }
                FaultPoint.connectionDropped.pass()
                keeper.forget(name)
                return ended
            }
            throw SecretRefusal.unavailable("the secret is being changed by others; try again", retryAfter: 1)
        }
    }

    /// The refresh token, with which the provider ends the whole grant (RFC 7009 section 2.1); the access token where
    /// there is no other.
    private func revoke(_ connection: Connection, in context: RequestContext) async throws -> EndedConnection {
        guard connection.status == .connected, let endpoint = connection.provider.revocationEndpoint else {
            return EndedConnection(isRevoked: nil, failure: nil)
        }
        do {
            let grant = try await keeper.grant(of: connection, for: .request(context))
            if let token = grant.refreshToken {
                try await keeper.provider.revoke(
                    token, hint: "refresh_token", at: endpoint, of: connection, with: grant)
            } else if let token = try await accessToken(of: connection, in: context) {
                try await keeper.provider.revoke(token, hint: "access_token", at: endpoint, of: connection, with: grant)
            }
            return EndedConnection(isRevoked: true, failure: nil)
        } catch let failure as ProviderFailure {
            return EndedConnection(isRevoked: false, failure: failure.reason)
        } catch is VaultError {
            return EndedConnection(isRevoked: false, failure: "what the connection keeps does not open")
        }
    }

    private func accessToken(of connection: Connection, in context: RequestContext) async throws -> String? {
        guard let version = connection.token?.version,
            let box = try await secrets.store.secretBox(of: connection.secret, version: version)
        else { return nil }
        let place = VaultSecret.place(of: connection.secret, version: version)
        let token = try await secrets.alarm.open(box, at: place, for: .request(context))
        return token.withBytes { String(decoding: $0, as: UTF8.self) }
    }
}
