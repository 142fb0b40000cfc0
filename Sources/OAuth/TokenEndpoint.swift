import JOSE
package import Revocations
import Vault

/// The token endpoint: the spine on which every grant hangs.
///
/// Authenticate the client, let the grant present its case, let the policy decide, sign, commit, answer. Steps never
/// call each other. A refused request spends nothing; nothing leaves before it is durable.
package struct TokenEndpoint: Sendable {
    private let grants: [GrantType: any Grant]
    private let authenticator: ClientAuthenticator
    private let policy: Policy
    private let mint: TokenMint
    private let ledger: Ledger
    private let revocations: RevocationSet
    private let now: Now

    package init(
        grants: [any Grant], authenticator: ClientAuthenticator, policy: Policy, mint: TokenMint, ledger: Ledger,
        revocations: RevocationSet, now: @escaping Now
    ) {
        self.grants = Dictionary(grants.map { (type(of: $0).type, $0) }) { first, _ in first }
        self.authenticator = authenticator
        self.policy = policy
        self.mint = mint
        self.ledger = ledger
        self.revocations = revocations
        self.now = now
    }

    /// Answers one token request.
    ///
    /// - Throws: `OAuthError` when the client is at fault. Such a refusal is in the audit trail when it is thrown,
    ///   unless the client was not authenticated: a stranger must not fill the disk.
    package func respond(to request: ClientRequest) async throws -> TokenResponse {
        let grant = try grant(of: request)
        var proven: AuthenticatedClient?
        do {
            let client = try await authenticator.authenticate(request, at: now())
            proven = client
            guard client.client.grants.contains(type(of: grant).type) else {
                throw OAuthError(.unauthorizedClient, "the client is not registered for this grant type")
            }
            return try await issue(grant, to: client, for: request)
        } catch let refused as Refused {
            try await record(refused.error, of: proven?.client, presented: refused.presented, request)
            throw refused.error
        } catch let refusal as OAuthError {
            try await record(refusal, of: proven?.client ?? refusal.provenClient, presented: nil, request)
            throw refusal
        }
    }

    /// A refusal of something that a grant had presented already, so that the record can say what it was.
    private struct Refused: Error {
        let error: OAuthError
        let presented: Authorization
    }

    private func record(
        _ refusal: OAuthError, of client: Client?, presented: Authorization?, _ request: ClientRequest
    ) async throws {
        guard let client else { return }
        let event = TokenAudit.refused(refusal, request: request, client: client, presented: presented, at: now())
        try await ledger.commit(Entry(audit: [event]))
    }

    /// Present, permit, mint, commit. Begins again when a revocation came in between: the policy then sees it.
    private func issue(
        _ grant: any Grant, to client: AuthenticatedClient, for request: ClientRequest
    ) async throws -> TokenResponse {
        for _ in 0..<4 {
            let time = now()
            let authorization = try await grant.present(request, by: client, at: time)
            let permit: Permit
            switch policy.decide(authorization, at: time) {
            case .refuse(let refusal): throw Refused(error: refusal.error, presented: authorization)
            case .permit(let granted): permit = granted
            }
            let minted = try mint.mint(permit, at: time)
            if revocations.isDead(minted.token.identity.ids) {
                try await waitForNextSecond(after: time)
                continue
            }
            do {
                try await ledger.commit(entry(for: minted, permit: permit, client: client, request: request, at: time))
                return TokenResponse(minted, at: time, grant: authorization.grant)
            } catch CommitFailure.exists {
                // The rule made the delegation for another request in the same moment: it is found the next time.
                continue
            } catch CommitFailure.overdrawn {
                // Others took tokens in the task, or the memory of it had gone: the policy knows it now.
                continue
            } catch CommitFailure.revoked {
                try await waitForNextSecond(after: time)
            } catch CommitFailure.spent {
                throw OAuthError(
                    .invalidClient, "the client assertion was used before: sign a new one with another jti",
                    rule: "client_authentication"
                )
            }
        }
        throw OAuthError(
            .temporarilyUnavailable, "revocations are coming in faster than tokens can be issued; try again",
            retryAfter: 1
        )
    }

    /// `iat` is whole seconds and a tombstone kills its whole second: a token that is to live must be of the next one.
    private func waitForNextSecond(after time: Timestamp) async throws {
        let rest = 1000 - (time.milliseconds - time.seconds * 1000)
        try await Task.sleep(for: .milliseconds(max(1, rest)))
    }

    private func entry(
        for minted: TokenMint.Minted, permit: Permit, client: AuthenticatedClient, request: ClientRequest,
        at time: Timestamp
    ) -> Entry {
        var entry = Entry(changes: client.spends.map(Change.spend), issues: minted.token.identity)
        if let listed = ListedToken(minted.token) { entry.changes.append(.listStatus(listed)) }
        if let use = TaskUse(of: minted.token, by: client.client, at: time) { entry.changes.append(.useTask(use)) }
        if permit.authorization.delegationIsNew, let delegation = permit.authorization.delegation {
            entry.changes.append(.create(.delegation(delegation)))
            entry.audit.append(TokenAudit.delegationMade(delegation, client: client.client, request: request, at: time))
        }
        entry.audit.append(TokenAudit.issued(minted.token, permit: permit, request: request, at: time))
        return entry
    }

    private func grant(of request: ClientRequest) throws(OAuthError) -> any Grant {
        let name = try request.parameters.required(.grantType)
        guard let grant = grants[GrantType(rawValue: name)] else {
            throw OAuthError(.unsupportedGrantType, "grant_type must be one of those in the server's metadata")
        }
        return grant
    }
}

/// A successful answer of the token endpoint (RFC 6749 section 5.1, RFC 8693 section 2.2).
package struct TokenResponse: Sendable {
    package let accessToken: String
    /// Seconds.
    package let expiresIn: Int64
    package let scope: String
    /// Only for token exchange.
    package let issuedTokenType: TokenType?
    package let token: AccessToken

    init(_ minted: TokenMint.Minted, at now: Timestamp, grant: GrantType) {
        accessToken = minted.compact
        expiresIn = minted.token.expiresAt - now.seconds
        scope = minted.token.scopes.description
        issuedTokenType = grant == .tokenExchange ? .accessToken : nil
        token = minted.token
    }

    package var json: [UInt8] {
        var json = JSONWriter(capacity: accessToken.utf8.count + 256)
        json.beginObject()
        json.member("access_token", accessToken)
        if let issuedTokenType { json.member("issued_token_type", issuedTokenType.rawValue) }
        json.member("token_type", "Bearer")
        json.member("expires_in", expiresIn)
        json.member("scope", scope)
        json.endObject()
        return json.bytes
    }
}
