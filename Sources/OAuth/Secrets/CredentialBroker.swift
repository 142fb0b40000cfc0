import Vault

/// Brokering: the gateway gets the credential of the API that it stands before and puts it on the call; the agent never
/// holds it.
struct CredentialBroker: Sendable {
    private let secrets: SecretDesk

    init(secrets: SecretDesk) { self.secrets = secrets }

    /// The secret that a gateway has to put on a call with this token; nil when the API has none to be injected.
    ///
    /// - Throws: `insufficient_scope` when it has one, but no rule lets this caller use it: the upstream would refuse
    ///   the bare call anyway.
    func secret(for token: AccessToken) throws(OAuthError) -> VaultSecret? {
        let shelf = secrets.registry.secrets
        guard shelf.secrets(for: token.audience).contains(where: { $0.injection != nil }) else { return nil }
        switch RegisteredCredential(for: Self.holder(token), on: shelf, where: { $0.injection != nil }) {
        case .one(let secret): return secret
        case .none: throw Self.missing
        case .several:
            throw Self.closed("more than one credential of the upstream is for this caller")
        }
    }

    /// Releases the credential together with the record of the call.
    ///
    /// - Throws: `OAuthError`, and what `Ledger.commit` throws: then nothing is released.
    func release(
        _ secret: VaultSecret, to token: AccessToken, with entry: Entry, in context: RequestContext
    ) async throws -> UpstreamCredential {
        let released: ReleasedSecret
        do {
            released = try await secrets.release(secret.name, to: Self.holder(token), with: entry, in: context)
        } catch let refusal as SecretRefusal {
            throw refusal.asOAuthError(orElse: Self.missing)
        }
        guard let injection = released.secret.injection, let text = released.value.credential() else {
            throw OAuthError(
                .serverError, "the credential of the upstream cannot stand in a header",
                detail: "the value of \(secret.name) is not one line of printable ASCII", rule: "credential"
            )
        }
        return UpstreamCredential(header: injection.header, value: injection.value(with: text))
    }

    /// The gateway asks again for every call, so that nothing it was given outlives the token.
    private static func holder(_ token: AccessToken) -> SecretHolder {
        SecretHolder(
            identity: token.identity, door: token.audience, scopes: token.scopes, end: token.expiresAt
        )
    }

    private static let missing = closed("no rule lets this caller use the credential of the upstream")

    /// Gateways pass the description on to the agent, which must not learn from it what others keep. The reason is for
    /// the record.
    private static func closed(_ reason: String) -> OAuthError {
        OAuthError(.insufficientScope, "the call is not allowed for this caller", detail: reason, rule: "credential")
    }
}

/// What a gateway has to put on a call before it goes on. It is for that gateway alone.
package struct UpstreamCredential: Sendable {
    /// The name of the header field.
    package let header: String
    package let value: String
}
