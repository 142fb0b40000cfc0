package import JOSE
import Vault

extension ConnectionDesk {
    /// Redeems what the provider answered, for the one who started and brings the code that the browser showed.
    ///
    /// The code is spent before the provider is asked, whatever comes of it.
    ///
    /// - Throws: `SecretRefusal.conflict` when there is nothing to finish, another has started it, or the provider
    ///   refuses; `.unavailable` when the provider does not answer.
    package func finish(_ name: SecretName, code: String, by caller: Operator) async throws -> JSONObject {
        try caller.require(SecretDesk.writeScope)
        let typed = CompletionCode.typed(code)
        return try await keeper.exclusively(name) {
            _ = try connection(name)
            let (connection, grant, answer) = try await claim(name, typed, by: caller)
            FaultPoint.connectionClaimed.pass()
            let tokens: ProviderTokens
            do throws(ProviderFailure) {
                tokens = try await keeper.provider.redeem(
                    answer.code, verifier: answer.verifier, redirectURI: connection.redirectURI(at: issuer),
                    of: connection, with: grant
                )
            } catch {
                let event = connection.event(.connectionRefused, .deny, by: caller, reason: error.reason, at: now())
                try await ledger.commit(Entry(audit: [event]))
                if case .unreachable(let reason) = error { throw SecretRefusal.unavailable(reason, retryAfter: 5) }
                throw SecretRefusal.conflict("nothing was connected: \(error.reason); start again")
            }
            FaultPoint.connectionRedeemed.pass()
            return try await keep(tokens, of: name, connection, by: caller)
        }
    }

    /// Takes the provider's answer out of the connection, durably: nobody redeems it a second time.
    private func claim(
        _ name: SecretName, _ typed: String, by caller: Operator
    ) async throws -> (Connection, ConnectionGrant, (code: String, verifier: String)) {
        var claimed: (ConnectionGrant, (code: String, verifier: String))?
        let changed = try await change(name) { connection, time in
            guard let flow = connection.flow else {
                throw SecretRefusal.conflict(
                    "nothing was started, or it was cancelled: legate connection start \(name)")
            }
            guard flow.startedBy == caller.token.clientID, flow.startedFor == caller.user else {
                throw try await refuse(
                    connection, "another has started this: only \(flow.startedFor ?? flow.startedBy.text) finishes it",
                    by: caller
                )
            }
            guard time < flow.expiresAt else { throw SecretRefusal.conflict("it took too long: start again") }
            guard flow.code != nil else {
                throw SecretRefusal.conflict("the provider has not answered yet: open the URL that start gave")
            }
            guard isCode(typed, of: flow, in: connection.id) else {
                throw try await refuse(connection, "this is not the code that the browser showed", by: caller)
            }
            var grant = try await keeper.grant(of: connection, for: .request(caller.context))
            guard let code = grant.code, let verifier = grant.verifier else { throw SecretRefusal.damaged }
            grant.code = nil
            grant.verifier = nil
            claimed = (grant, (code, verifier))
            var changed = connection
            changed.flow = nil
            try grant.seal(into: &changed, with: barrier)
            return (changed, Entry())
        }
        guard let (grant, answer) = claimed else { throw SecretRefusal.notFound }
        return (changed, grant, answer)
    }

    private func refuse(_ connection: Connection, _ reason: String, by caller: Operator) async throws -> SecretRefusal {
        let event = connection.event(.connectionRefused, .deny, by: caller, reason: reason, at: now())
        try await ledger.commit(Entry(audit: [event]))
        return .conflict(reason)
    }

    /// Stores what the provider gave. Nothing of it was used before.
    private func keep(
        _ tokens: ProviderTokens, of name: SecretName, _ claimed: Connection, by caller: Operator
    ) async throws -> JSONObject {
        for _ in 0..<ConnectionKeeper.attempts {
            guard let connection = registry.connections.connection(name), connection.id == claimed.id,
                connection.provider.isSameParty(as: claimed.provider), let secret = registry.secrets.secret(name)
            else { throw SecretRefusal.conflict("the connection was changed by others meanwhile: start again") }
            var kept = connection
            var entry = try keeper.entry(keeping: tokens, in: connection, secret, isNewGrant: true) { changed in
                changed.status = .connected
                changed.reason = nil
                changed.connectedBy = caller.token.clientID
                changed.connectedAt = changed.refreshedAt
                changed.granted = tokens.scopes
                kept = changed
            }
            entry.audit.append(kept.event(.connectionFinished, by: caller, at: now()))
            do {
                try await ledger.commit(entry)
            } catch CommitFailure.stale(_) {
                continue
            } catch CommitFailure.missing(_) {
                throw SecretRefusal.notFound
            }
            FaultPoint.connectionKept.pass()
            keeper.forget(name)
            return document(of: try self.connection(name))
        }
        throw SecretRefusal.unavailable("the secret is being changed by others; start again", retryAfter: 1)
    }
}
