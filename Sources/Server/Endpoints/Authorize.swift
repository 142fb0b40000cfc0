import Hummingbird
import OAuth

/// `/authorize`: published because clients refuse metadata without it. There is no code flow to enter here.
struct AuthorizeRoute: Sendable {
    func respond(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .authorize }
        throw OAuthError(
            .unsupportedResponseType, "this server issues tokens to registered agents only: use the token endpoint"
        )
    }
}
