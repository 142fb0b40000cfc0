import JOSE
import Vault

/// Legate as a client of somebody else's authorization server: the three forms that it sends.
struct ProviderClient: Sendable {
    let fetcher: any Fetcher
    let now: Now

    /// Bytes of an answer.
    private static let longestAnswer = 256 * 1024

    /// Redeems an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
    func redeem(
        _ code: String, verifier: String, redirectURI: String, of connection: Connection, with grant: ConnectionGrant
    ) async throws(ProviderFailure) -> ProviderTokens {
        try await tokens(
            [
                ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirectURI),
                ("code_verifier", verifier),
            ], of: connection, with: grant
        )
    }

    /// Asks for a new access token (RFC 6749 section 6). The scopes stay what they were.
    func refresh(
        _ refreshToken: String, of connection: Connection, with grant: ConnectionGrant
    ) async throws(ProviderFailure) -> ProviderTokens {
        try await tokens(
            [("grant_type", "refresh_token"), ("refresh_token", refreshToken)], of: connection, with: grant)
    }

    /// Tells the provider that a token is not needed any more (RFC 7009).
    func revoke(
        _ token: String, hint: String, at endpoint: String, of connection: Connection, with grant: ConnectionGrant
    ) async throws(ProviderFailure) {
        let answer = try await send(
            [("token", token), ("token_type_hint", hint)], to: endpoint, of: connection, with: grant)
        guard answer.status == 200 else { throw .refused("the revocation endpoint answered \(answer.status)") }
    }

    private func tokens(
        _ form: [(name: String, value: String)], of connection: Connection, with grant: ConnectionGrant
    ) async throws(ProviderFailure) -> ProviderTokens {
        let time = now()
        let answer = try await send(form, to: connection.provider.tokenEndpoint, of: connection, with: grant)
        let object = (try? JSON(parsing: answer.body))?.object
        guard answer.status == 200 else { throw Self.failure(answer.status, object?["error"]?.string) }
        guard let object else { throw .refused("the provider's answer is not a JSON object") }
        // Some refuse with 200.
        if let error = object["error"]?.string, !error.isEmpty { throw Self.failure(400, error) }
        return try ProviderTokens(object, askedAt: time)
    }

    private func send(
        _ form: [(name: String, value: String)], to endpoint: String, of connection: Connection,
        with grant: ConnectionGrant
    ) async throws(ProviderFailure) -> FormAnswer {
        var form = form
        var authorization: Secret?
        let client = connection.provider.clientID
        switch connection.provider.authentication {
        case .basic:
            authorization = Secret(Array(FormText.basic(client, grant.clientSecret ?? "").utf8))
        case .post:
            form += [("client_id", client), ("client_secret", grant.clientSecret ?? "")]
        case .none:
            form.append(("client_id", client))
        }
        let post = FormPost(
            url: endpoint, body: Secret(Array(FormText.encode(form).utf8)), authorization: authorization)
        do throws(FetchError) {
            return try await fetcher.post(
                post, allowPrivate: connection.allowPrivateNetwork, maximumBytes: Self.longestAnswer)
        } catch {
            throw .unreachable("the provider could not be asked: \(error.description)")
        }
    }

    private static func failure(_ status: Int, _ error: String?) -> ProviderFailure {
        // The code is a word of the standards, or it is not repeated.
        let code = error.flatMap { $0.consists(of: .secretName, count: 1...64) ? $0 : nil }
        let reason = "the provider answered \(status)" + (code.map { ", \($0)" } ?? "")
        if code == "invalid_grant" { return .ended(reason) }
        if status == 408 || status == 429 || status >= 500 || code == "temporarily_unavailable" {
            return .unreachable(reason)
        }
        return .refused(reason)
    }
}
