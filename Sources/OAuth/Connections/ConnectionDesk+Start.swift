package import JOSE
import Vault

/// What somebody who connects an account has to open in a browser.
package struct StartedConnection: Sendable {
    /// The connection as the API shows it.
    package let document: JSONObject
    /// The provider's page (RFC 6749 section 4.1.1). It holds `state`, so it is for the one who started alone.
    package let authorizationURL: String
}

extension ConnectionDesk {
    /// Starts to connect an account, or to connect it again. What was started before is cancelled.
    ///
    /// A secret that is not there yet is made, for nobody; with an owner, for the agents that act for that user.
    ///
    /// - Throws: `InvalidDocument`; `SecretRefusal.conflict` when the secret is of another kind, or when the provider
    ///   of a connected account would change.
    package func start(_ name: SecretName, _ body: JSONObject, by caller: Operator) async throws -> StartedConnection {
        try caller.require(SecretDesk.writeScope)
        let order = try ConnectionOrder(body)
        let state = Unguessable.text(bytes: 32)
        let proof = PKCE.make()
        for _ in 0..<ConnectionKeeper.attempts {
            let time = now()
            let old = registry.connections.connection(name)
            var entry = Entry()
            var (connection, grant) = try await draft(name, order, over: old, for: caller, at: time)
            try check(name, connection, making: &entry, by: caller, at: time)
            grant.verifier = proof.verifier
            grant.code = nil
            connection.flow = .init(
                state: stateDigest(state, of: connection.id), startedBy: caller.token.clientID,
                startedFor: caller.user, expiresAt: time.adding(seconds: Self.flowLifetime)
            )
            try grant.seal(into: &connection, with: barrier)
            connection.revision = (old?.revision ?? 0) + 1
            entry.changes.append(.keepConnection(connection, from: old?.revision))
            entry.audit.append(connection.event(.connectionStarted, by: caller, at: time))
            do {
                try await ledger.commit(entry)
            } catch CommitFailure.stale(_) {
                continue
            } catch CommitFailure.exists(_) {
                continue
            } catch CommitFailure.missing(_) {
                continue
            }
            FaultPoint.connectionStarted.pass()
            return StartedConnection(
                document: document(of: connection),
                authorizationURL: connection.authorizationURL(at: issuer, state: state, proof: proof)
            )
        }
        throw SecretRefusal.unavailable("the connection is being changed by others; try again", retryAfter: 1)
    }

    /// The connection as it is to be, and what it keeps.
    private func draft(
        _ name: SecretName, _ order: ConnectionOrder, over old: Connection?, for caller: Operator, at time: Timestamp
    ) async throws -> (Connection, ConnectionGrant) {
        guard let provider = order.provider ?? old?.provider else {
            throw InvalidDocument("provider", "is required: the connection is a new one")
        }
        var grant = ConnectionGrant()
        if let old, provider.isSameParty(as: old.provider) {
            grant = try await keeper.grant(of: old, for: .request(caller.context))
        } else if old?.status == .connected {
            throw SecretRefusal.conflict(
                "an account is connected through another provider or client: disconnect it first")
        }
        // Elsewhere nothing goes that was given for here: whoever changes the endpoint has to know the secret.
        if let secret = order.clientSecret { grant.clientSecret = secret }
        if provider.authentication != .none, grant.clientSecret == nil {
            throw InvalidDocument(
                "provider.client_secret", "is required by client_auth \(provider.authentication.rawValue)")
        }
        let owner = order.owner ?? old?.owner ?? caller.user
        if let user = caller.user, owner != user {
            throw InvalidDocument(
                "owner", "must be \(user): whoever acts for a user connects that user's accounts alone")
        }
        if let old, old.owner != owner, old.status != .pending {
            throw SecretRefusal.conflict(
                "the account belongs to \(old.owner ?? "nobody in particular"): disconnect it first")
        }
        var connection = old ?? Connection(id: .make(), secret: name, provider: provider, createdAt: time)
        connection.provider = provider
        connection.owner = owner
        connection.account = order.account ?? connection.account
        connection.allowPrivateNetwork = order.allowPrivateNetwork ?? connection.allowPrivateNetwork
        return (connection, grant)
    }

    /// The secret must be one that a connection can stand behind; one that is not there is made in the same
    /// transaction.
    private func check(
        _ name: SecretName, _ connection: Connection, making entry: inout Entry, by caller: Operator, at time: Timestamp
    ) throws {
        if let secret = registry.secrets.secret(name) {
            guard secret.kind == .oauth else {
                throw SecretRefusal.conflict("\(name) is of kind \(secret.kind.rawValue), not oauth")
            }
            if let owner = connection.owner, secret.rules.contains(where: { $0.subject != owner }) {
                throw SecretRefusal.conflict("a rule of \(name) lets in others than \(owner): remove that rule first")
            }
            // Started for nobody in particular, it was made without a rule.
            if let owner = connection.owner, let old = registry.connections.connection(name), old.owner != owner,
                secret.rules.isEmpty
            {
                var changed = secret
                changed.rules = [ownRule(of: owner)]
                changed.revision += 1
                entry.changes.append(.keepSecret(changed, from: secret.revision))
                var event = caller.event(
                    .secretAllowed, target: "secret/\(name)", rule: SecretDesk.writeScope, at: time)
                event.before = secret.document.text
                event.after = changed.document.text
                entry.audit.append(event)
            }
            return
        }
        var secret = VaultSecret(name: name, kind: .oauth, description: connection.account, createdAt: time)
        if let owner = connection.owner { secret.rules = [ownRule(of: owner)] }
        entry.changes.append(.keepSecret(secret, from: nil))
        var event = caller.event(.secretCreated, target: "secret/\(name)", rule: SecretDesk.writeScope, at: time)
        event.after = secret.document.text
        entry.audit.append(event)
    }

    /// A user's own account is for the agents that act for that user.
    private func ownRule(of owner: String) -> SecretRule {
        SecretRule(id: .make(), subject: owner, resource: registry.ownResources.vault.uri)
    }
}

extension Operator {
    /// The user in whose name the caller acts, when a delegation stands behind the token.
    var user: String? { token.identity.delegationID == nil ? nil : token.identity.subject }
}

extension Connection {
    /// RFC 6749 section 4.1.1, RFC 7636 section 4.3.
    func authorizationURL(at issuer: IssuerURL, state: String, proof: PKCE) -> String {
        var query: [(name: String, value: String)] = [
            ("response_type", "code"), ("client_id", provider.clientID), ("redirect_uri", redirectURI(at: issuer)),
            ("state", state), ("code_challenge", proof.challenge), ("code_challenge_method", PKCE.method),
        ]
        if !provider.scopes.isEmpty { query.append(("scope", provider.scopes.description)) }
        query += provider.parameters.map { ($0.name, $0.value) }
        let mark = provider.authorizationEndpoint.contains("?") ? "&" : "?"
        return provider.authorizationEndpoint + mark + FormText.encode(query)
    }
}
