package import JOSE
import Vault

/// Where a client replaces its own secret, without a person and without an outage.
///
/// It proves itself by the secret that is to be replaced, not by a token: a token that was stolen is good for minutes
/// and must not become a credential that is good for years. See `SecretSuccession` for what the old secret may still do.
package struct ClientSecretDesk: Sendable {
    private let authenticator: ClientAuthenticator
    private let maker: ClientSecretMaker
    private let registry: Registry
    private let succession: SecretSuccession
    private let ledger: Ledger
    private let now: Now

    /// Seconds for which the old secret works on when the client does not say.
    package static let defaultGrace = 3600
    package static let graces = 0...86_400

    init(
        authenticator: ClientAuthenticator, maker: ClientSecretMaker, registry: Registry,
        succession: SecretSuccession, ledger: Ledger, now: @escaping Now
    ) {
        self.authenticator = authenticator
        self.maker = maker
        self.registry = registry
        self.succession = succession
        self.ledger = ledger
        self.now = now
    }

    /// Replaces the secret with which the request is authenticated.
    ///
    /// - Returns: the client, and what it is told: the new secret, shown this once, and both ends.
    /// - Throws: `OAuthError` when the client is at fault; audited when it has proved itself.
    package func rotate(for request: ClientRequest) async throws -> (client: ClientID, answer: JSONObject) {
        var proven: Client?
        do {
            let authenticated = try await authenticator.authenticate(request, at: now())
            proven = authenticated.client
            let grace = try Self.grace(of: request)
            guard let presented = authenticated.secret else {
                throw OAuthError(
                    .unauthorizedClient,
                    "the client has no secret: it authenticates by \(authenticated.client.authentication.rawValue)"
                )
            }
            return try await rotate(authenticated.client, presenting: presented, grace: grace, for: request)
        } catch let refusal as OAuthError {
            if let client = proven ?? refusal.provenClient {
                var event = Self.event(.deny, of: client.id, request, at: now())
                event.policyEvaluation = .init(
                    verdict: "refuse", rule: refusal.rule, reason: refusal.detail ?? refusal.description)
                try await ledger.commit(Entry(audit: [event]))
            }
            throw refusal
        }
    }

    private func rotate(
        _ client: Client, presenting presented: SecretDigest, grace: Int, for request: ClientRequest
    ) async throws -> (ClientID, JSONObject) {
        var wasCurrent = false
        for _ in 0..<8 {
            let time = now()
            guard let current = registry.client(client.id), current.enabled,
                current.authentication == .clientSecretBasic,
                let position = current.secrets.firstIndex(where: { $0.digest == presented.digest }),
                current.secrets[position].isLive(at: time)
            else { throw OAuthError.invalidClient(detail: "the secret was replaced in the meantime") }
            var base = current
            if position == 0 { wasCurrent = true }
            if position > 0 {
                // Of two requests at once, the second must not undo what the first is being told.
                guard !wasCurrent, let successor = current.secrets.first,
                    try await succession.mayRepeat(before: successor, of: client.id)
                else {
                    throw OAuthError(
                        .accessDenied, "this secret was replaced already, and its successor is in use",
                        rule: "client_secret"
                    )
                }
                // The successor never arrived: the old one stays the one that works on, for no longer than it had.
                base.secrets = [current.secrets[position]]
            }
            let made = try maker.make(for: base, grace: grace, at: time)
            var event = Self.event(.allow, of: client.id, request, at: time)
            event.after = (["previous_secret_expires_at": .time(made.previousEnds)] as JSONObject).text
            event.policyEvaluation = .init(
                verdict: "permit", rule: "client_secret", reason: position > 0 ? "the successor was never used" : nil)
            var changes = made.changes
            if let successor = made.client.secrets.first, let ends = made.previousEnds {
                changes.append(succession.replaced(by: successor, of: client.id, until: ends))
            }
            do {
                try await ledger.commit(Entry(changes: changes, audit: [event]))
            } catch CommitFailure.stale(_) {
                continue
            } catch CommitFailure.missing(_) {
                continue
            }
            FaultPoint.clientSecretRotated.pass()
            return (client.id, Self.answer(made))
        }
        throw OAuthError(.temporarilyUnavailable, "the client is being changed by others; try again", retryAfter: 1)
    }

    private static func answer(_ made: ClientSecretMaker.Made) -> JSONObject {
        [
            "client_id": .string(made.client.id.text),
            "client_secret": .string(made.secret),
            "client_secret_expires_at": .integer(made.client.secretExpiresAt ?? 0),
            "previous_secret_expires_at": .time(made.previousEnds),
        ]
    }

    private static func grace(of request: ClientRequest) throws -> Int {
        guard let text = request.parameters[.grace] else { return defaultGrace }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let grace = Int(text), graces.contains(grace) else {
            throw OAuthError(
                .invalidRequest, "grace must be whole seconds from \(graces.lowerBound) to \(graces.upperBound)"
            )
        }
        return grace
    }

    private static func event(
        _ decision: AuditEvent.Decision, of client: ClientID, _ request: ClientRequest, at time: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .clientSecretRotated, decision: decision)
        event.describe(request.context)
        event.clientID = client.text
        event.target = "client/\(client)"
        return event
    }
}
