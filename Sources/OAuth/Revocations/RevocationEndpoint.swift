package import Revocations
import Vault

/// Token revocation (RFC 7009): a client ends one of its own tokens.
package struct RevocationEndpoint: Sendable {
    private let authenticator: ClientAuthenticator
    private let verifier: TokenVerifier
    private let revocations: RevocationSet
    private let canaries: CanaryWatch
    private let ledger: Ledger
    private let now: Now
    /// The time when the clock was set ahead.
    private let steady: Now

    package init(
        authenticator: ClientAuthenticator, verifier: TokenVerifier, revocations: RevocationSet,
        canaries: CanaryWatch, ledger: Ledger, now: @escaping Now, steady: @escaping Now
    ) {
        self.authenticator = authenticator
        self.verifier = verifier
        self.revocations = revocations
        self.canaries = canaries
        self.ledger = ledger
        self.now = now
        self.steady = steady
    }

    /// Returns when the token is dead, durably. A token that is unknown, malformed or expired is no error.
    ///
    /// - Throws: `invalid_grant` when the token is another client's: it stays alive, and the attempt is audited.
    package func respond(to request: ClientRequest) async throws {
        let time = now()
        let authenticated = try await authenticator.authenticate(request, at: time, watchedBy: canaries)
        let client = authenticated.client
        let compact = try request.parameters.required(.token)
        var entry = Entry(changes: authenticated.spends.map(Change.spend))
        let known = try? verifier.parse(compact, at: time)
        if known == nil { canaries.look(atTokensIn: request) }
        // A token that has expired only by a clock that jumped comes back with it.
        if let token = known, min(time, steady()).seconds < token.expiresAt {
            guard token.clientID == client.id else {
                entry.audit.append(
                    TokenAudit.decided(
                        .tokenRevoked, .deny, token: token, by: client, context: request.context,
                        rule: "token_owner", reason: "the token was issued to \(token.clientID)", at: time
                    )
                )
                try await commit(entry)
                throw OAuthError(.invalidGrant, "the token was issued to another client", rule: "token_owner")
            }
            if !revocations.covers(.token, token.identity.jti, at: time.seconds) {
                // Also a token that is of the future by now, because the clock was set back.
                let reach = max(time, Timestamp(seconds: token.identity.issuedAt))
                entry.changes.append(.revoke(Revocation(.token, token.identity.jti, at: reach)))
                entry.audit.append(
                    TokenAudit.decided(
                        .tokenRevoked, .allow, token: token, by: client, context: request.context,
                        rule: "token_owner", at: time
                    )
                )
            }
        }
        if !entry.changes.isEmpty || !entry.audit.isEmpty { try await commit(entry) }
    }

    private func commit(_ entry: Entry) async throws {
        do {
            try await ledger.commit(entry)
        } catch CommitFailure.spent {
            throw OAuthError.invalidClient("the client assertion was used before: sign a new one with another jti")
        }
    }
}
