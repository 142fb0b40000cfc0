import HTTPTypes
import Hummingbird
import OAuth

/// Access to Legate's own APIs by a token that Legate itself issued (RFC 6750), with the proof of what it is bound to (RFC
/// 9449, RFC 8705).
struct BearerAuthentication: Sendable {
    let server: AuthorizationServer
    let resource: Resource

    static func isPresented(in request: Request) -> Bool {
        BearerCredentials(request.headers.value(of: .authorization)) != .absent
    }

    /// A live token for the resource.
    ///
    /// - Parameters:
    ///   - name: the endpoint, for the audit trail.
    ///   - scope: what the call will need, for the challenge; it is not checked here.
    /// - Throws: a `Challenge` that tells how to get in: where the metadata is, which scope is needed.
    func authenticate(
        _ request: Request, _ context: LegateContext, as name: String, scope: String
    ) async throws -> AccessToken {
        guard let header = try request.authorization() else {
            throw Challenge(
                error: OAuthError(.invalidToken, "a token for \(resource.uri) is required"),
                header: challenge(to: .absent, scope: scope)
            )
        }
        let credentials = BearerCredentials(header)
        guard let compact = credentials.token else {
            throw refuse(
                OAuthError(.invalidToken, "the Authorization header must be Bearer or DPoP and one token"), scope,
                to: request
            )
        }
        try server.verifier.admit(compact, from: context.peer, at: server.now())
        let token: AccessToken
        do throws(TokenVerifier.Failure) {
            token = try server.verifier.verifyUnproved(compact, from: context.peer, at: server.now())
        } catch {
            throw refuse(
                OAuthError(.invalidToken, "the token is not valid here", detail: "\(error)"), scope, to: request
            )
        }
        guard token.audience == resource.uri else {
            throw refuse(OAuthError(.invalidToken, "the token is for another resource"), scope, to: request)
        }
        do throws(OAuthError) {
            let nonce = try server.possession.verify(
                token, sentAs: credentials, with: request.presented(at: server.issuer, in: context), to: resource,
                at: server.now()
            )
            context.give(nonce: nonce)
        } catch {
            // No other proof would help where there is no room for it.
            if error.code == .temporarilyUnavailable { throw error }
            try await server.recordMisuse(of: token, error, in: context.audited(as: name))
            throw refuse(error, scope, to: request)
        }
        return token
    }

    /// A live token that has the scope.
    func authorize(
        _ request: Request, _ context: LegateContext, as name: String, scope: String
    ) async throws -> AccessToken {
        let token = try await authenticate(request, context, as: name, scope: scope)
        guard token.scopes.contains(scope) else {
            throw refuse(
                OAuthError(.insufficientScope, "the token lacks the scope \(scope)", detail: scope), scope, to: request
            )
        }
        return token
    }

    /// The same for a refusal that came later, with the scope that was missing.
    func refuse(_ error: OAuthError, _ scope: String?, to request: Request) -> Challenge {
        let credentials = BearerCredentials(request.headers.value(of: .authorization))
        return Challenge(error: error, header: challenge(to: credentials, scope: scope, error: error))
    }

    private func challenge(to credentials: BearerCredentials, scope: String?, error: OAuthError? = nil) -> String {
        BearerChallenge.header(
            error, scheme: .init(for: credentials, error, at: resource), scope: scope,
            metadata: server.metadata.resourceMetadataURL(of: resource)
        )
    }
}
