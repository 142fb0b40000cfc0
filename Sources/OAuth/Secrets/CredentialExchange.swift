import JOSE
import Vault

/// Release by exchange: the token that a third party's API accepts is in the vault, and token exchange hands it out
/// (RFC 8693), under the same policy, delegation and audit as a token that Legate signs.
///
/// A resource of kind `third-party` says that its tokens are another's. For such a one nothing is ever signed, and for
/// all others nothing is ever released here, so that nobody gets a key where they expected a token.
struct CredentialExchange: Sendable {
    private let secrets: SecretDesk

    init(secrets: SecretDesk) { self.secrets = secrets }

    /// What is handed out instead of a token of ours.
    struct Credential: Sendable {
        let text: String
        let type: TokenType
        /// Whole seconds since 1970: the end of the lease.
        let expiresAt: Int64
    }

    /// The secret that answers, before anything is written.
    ///
    /// - Parameters:
    ///   - claims: what a token would say; its audience is the API.
    ///   - requested: the `requested_token_type` of the request.
    func secret(for claims: AccessToken, requested: TokenType?) throws(OAuthError) -> VaultSecret {
        let found: VaultSecret
        switch RegisteredCredential(for: Self.holder(claims), on: secrets.registry.secrets) {
        case .one(let secret): found = secret
        case .none: throw Self.missing
        case .several:
            throw OAuthError(
                .invalidTarget, "more than one credential for this resource is for this caller: leave one of them",
                rule: "credential"
            )
        }
        if let requested, requested != found.kind.tokenType {
            throw OAuthError(
                .invalidRequest, "requested_token_type can only be \(found.kind.tokenType.rawValue) here",
                rule: "credential"
            )
        }
        return found
    }

    /// Releases the credential with everything that the exchange has to commit.
    ///
    /// - Throws: `OAuthError`, and what `Ledger.commit` throws: then nothing is released.
    func release(
        _ secret: VaultSecret, to claims: AccessToken, with entry: Entry, in context: RequestContext
    ) async throws -> Credential {
        let released: ReleasedSecret
        do {
            released = try await secrets.release(secret.name, to: Self.holder(claims), with: entry, in: context)
        } catch let refusal as SecretRefusal {
            throw refusal.asOAuthError(orElse: Self.missing)
        }
        guard let text = released.value.credential() else {
            throw OAuthError(
                .serverError, "the credential for this resource cannot be handed out",
                detail: "the value of \(secret.name) is not one line of printable ASCII", rule: "credential"
            )
        }
        return Credential(
            text: text, type: released.secret.kind.tokenType, expiresAt: released.lease.expiresAt.seconds
        )
    }

    /// The credential goes to whoever a token would be made out to, and ends when it would.
    private static func holder(_ claims: AccessToken) -> SecretHolder {
        SecretHolder(
            identity: claims.identity, door: claims.audience, scopes: claims.scopes, end: claims.expiresAt
        )
    }

    /// One answer for what is not there and for what is not for this caller.
    private static let missing = OAuthError(
        .invalidTarget, "no credential for this resource is for this caller", rule: "credential"
    )
}

extension SecretKind {
    /// What the answer says it is (RFC 8693 section 3).
    var tokenType: TokenType { self == .oauth ? .accessToken : .apiKey }
}

extension TokenType {
    /// A key of a third party, which is no OAuth token: how it is sent is the third party's affair.
    package static let apiKey = TokenType(rawValue: "urn:legate:params:oauth:token-type:api-key")
}
