import JOSE
import Revocations
import Vault

/// The token endpoint: the spine on which every grant hangs.
///
/// Authenticate the client, let the grant present its case, let the policy decide, sign or release, commit, answer.
/// Steps never call each other. A refused request spends nothing; nothing leaves before it is durable.
package struct TokenEndpoint: Sendable {
    private let grants: [GrantType: any Grant]
    private let authenticator: ClientAuthenticator
    private let possession: PossessionCheck
    private let policy: Policy
    private let mint: TokenMint
    private let credentials: CredentialExchange
    private let canaries: CanaryWatch
    private let ledger: Ledger
    private let revocations: RevocationSet
    private let now: Now

    init(
        grants: [any Grant], authenticator: ClientAuthenticator, possession: PossessionCheck, policy: Policy,
        mint: TokenMint, credentials: CredentialExchange, canaries: CanaryWatch, ledger: Ledger,
        revocations: RevocationSet, now: @escaping Now
    ) {
        self.grants = Dictionary(grants.map { (type(of: $0).type, $0) }) { first, _ in first }
        self.authenticator = authenticator
        self.possession = possession
        self.policy = policy
        self.mint = mint
        self.credentials = credentials
        self.canaries = canaries
        self.ledger = ledger
        self.revocations = revocations
        self.now = now
    }

    /// Answers one token request.
    ///
    /// - Throws: `OAuthError` when the client is at fault. Such a refusal is in the audit trail when it is thrown,
    ///   unless the client was not authenticated: a stranger must not fill the disk.
    package func respond(to request: ClientRequest) async throws -> TokenResponse {
        var proven: AuthenticatedClient?
        do {
            let grant = try grant(of: request)
            let client = try await authenticator.authenticate(request, at: now())
            proven = client
            guard client.client.grants.contains(type(of: grant).type) else {
                throw OAuthError(.unauthorizedClient, "the client is not registered for this grant type")
            }
            // Only now: a stranger cannot have signatures checked.
            let held = try possession.held(by: client.client.id, with: request.presented, at: now())
            var response = try await issue(grant, to: client, for: request, holding: held.confirmation)
            response.nonce = held.nonce
            return response
        } catch let refused as Refused {
            canaries.look(atTokensIn: request)
            try await record(refused.error, of: proven?.client, presented: refused.presented, request)
            throw refused.error
        } catch let refusal as OAuthError {
            canaries.look(atTokensIn: request)
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

    /// Present, permit, mint or find the credential, commit. Begins again when a revocation came in between: the policy then sees it.
    private func issue(
        _ grant: any Grant, to client: AuthenticatedClient, for request: ClientRequest, holding held: Confirmation?
    ) async throws -> TokenResponse {
        for _ in 0..<Self.attempts {
            let time = now()
            var authorization = try await grant.present(request, by: client, at: time)
            authorization.confirmation = held?.narrowed(for: authorization)
            let permit: Permit
            switch policy.decide(authorization, at: time) {
            case .refuse(let refusal): throw Refused(error: refusal.error, presented: authorization)
            case .permit(let granted): permit = granted
            }
            do {
                let issue = try self.issue(for: permit, at: time)
                let identity = issue.token.identity
                if let deadline = revocations.deadline(for: identity.ids), identity.issuedAt <= deadline {
                    guard deadline - time.seconds < Self.attempts else { throw Self.clockIsBehind(deadline, at: time) }
                    try await waitForNextSecond(after: time)
                    continue
                }
                let entry = self.entry(for: issue, permit: permit, client: client, request: request, at: time)
                var response = try await commit(issue, with: entry, permit: permit, request: request, at: time)
                response.secretExpiresAt = client.secretWarning(at: time)
                return response
            } catch let refusal as OAuthError {
                throw Refused(error: refusal, presented: authorization)
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

    private static let attempts = 4

    /// The clock was set back, and has not come to the second yet up to which a revocation reaches.
    private static func clockIsBehind(_ deadline: Int64, at time: Timestamp) -> OAuthError {
        OAuthError(
            .temporarilyUnavailable,
            "what the token would stand on was revoked at a later time than the server's clock shows: it was set back",
            retryAfter: Int(clamping: deadline - time.seconds)
        )
    }

    /// What a permit becomes: a token that Legate signs, or a third party's credential that the vault keeps.
    private enum Issue {
        case minted(TokenMint.Minted)
        indirect case credential(VaultSecret, AccessToken)

        /// What is granted; nobody has signed it when it is a credential.
        var token: AccessToken {
            switch self {
            case .minted(let minted): minted.token
            case .credential(_, let claims): claims
            }
        }

        /// The credential's name in the vault.
        var secret: SecretName? {
            guard case .credential(let secret, _) = self else { return nil }
            return secret.name
        }
    }

    private func issue(for permit: Permit, at time: Timestamp) throws -> Issue {
        guard permit.authorization.target.kind == .thirdParty else {
            return .minted(try mint.mint(permit, at: time))
        }
        let claims = mint.claims(of: permit, keyID: nil, at: time)
        let secret = try credentials.secret(for: claims, requested: permit.authorization.requestedType)
        return .credential(secret, claims)
    }

    private func commit(
        _ issue: Issue, with entry: Entry, permit: Permit, request: ClientRequest, at time: Timestamp
    ) async throws -> TokenResponse {
        switch issue {
        case .minted(let minted):
            try await ledger.commit(entry)
            return TokenResponse(minted, at: time, grant: permit.authorization.grant)
        case .credential(let secret, let claims):
            let credential = try await credentials.release(secret, to: claims, with: entry, in: request.context)
            return TokenResponse(credential, under: claims, at: time)
        }
    }

    /// `iat` is whole seconds and a tombstone kills its whole second: a token that is to live must be of the next one.
    private func waitForNextSecond(after time: Timestamp) async throws {
        let rest = 1000 - (time.milliseconds - time.seconds * 1000)
        try await Task.sleep(for: .milliseconds(max(1, rest)))
    }

    private func entry(
        for issue: Issue, permit: Permit, client: AuthenticatedClient, request: ClientRequest, at time: Timestamp
    ) -> Entry {
        let token = issue.token
        var entry = Entry(changes: client.spends.map(Change.spend), issues: token.identity)
        if let listed = ListedToken(token) { entry.changes.append(.listStatus(listed)) }
        if let use = TaskUse(of: token, by: client.shared, at: time) { entry.changes.append(.useTask(use)) }
        if permit.authorization.delegationIsNew, let delegation = permit.authorization.delegation {
            entry.changes.append(.create(.delegation(delegation)))
            entry.audit.append(TokenAudit.delegationMade(delegation, client: client.client, request: request, at: time))
        }
        let evidence = permit.authorization.actorEvidence ?? client.evidence
        entry.audit.append(
            TokenAudit.issued(
                token, permit: permit, secret: issue.secret, evidence: evidence, request: request, at: time))
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
