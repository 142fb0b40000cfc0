import HTTPTypes
import Hummingbird
import OAuth

/// Access to Legate's own APIs by a bearer token that Legate itself issued (RFC 6750).
struct BearerAuthentication: Sendable {
    let server: AuthorizationServer
    let resource: Resource

    static func isPresented(in request: Request) -> Bool {
        guard let header = request.headers[.authorization] else { return false }
        return header.prefix { $0 != " " }.lowercased() == "bearer"
    }

    /// A live token for the resource.
    ///
    /// - Parameter scope: what the call will need, for the challenge; it is not checked here.
    /// - Throws: a `Challenge` that tells how to get in: where the metadata is, which scope is needed.
    func authenticate(_ request: Request, scope: String) throws -> AccessToken {
        guard let header = try request.authorization() else {
            throw Challenge(
                error: OAuthError(.invalidToken, "a bearer token for \(resource.uri) is required"),
                header: challenge(scope: scope)
            )
        }
        guard case .token(let compact) = BearerCredentials(header) else {
            throw refuse(OAuthError(.invalidToken, "the Authorization header must be Bearer and one token"), scope)
        }
        let token: AccessToken
        do throws(TokenVerifier.Failure) {
            token = try server.verifier.verify(compact, at: server.now())
        } catch {
            throw refuse(OAuthError(.invalidToken, "the token is not valid here", detail: "\(error)"), scope)
        }
        guard token.audience == resource.uri else {
            throw refuse(OAuthError(.invalidToken, "the token is for another resource"), scope)
        }
        return token
    }

    /// A live token that has the scope.
    func authorize(_ request: Request, scope: String) throws -> AccessToken {
        let token = try authenticate(request, scope: scope)
        guard token.scopes.contains(scope) else {
            throw refuse(OAuthError(.insufficientScope, "the token lacks the scope \(scope)", detail: scope), scope)
        }
        return token
    }

    /// The same for a refusal that came later, with the scope that was missing.
    func refuse(_ error: OAuthError, _ scope: String?) -> Challenge {
        Challenge(error: error, header: challenge(scope: scope, error: error))
    }

    private func challenge(scope: String?, error: OAuthError? = nil) -> String {
        BearerChallenge.header(error, scope: scope, metadata: server.metadata.resourceMetadataURL(of: resource))
    }
}
