import HTTPTypes
import Hummingbird
import OAuth

/// `POST /revoke`
struct RevokeRoute: Sendable {
    let endpoint: RevocationEndpoint

    func respond(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .revoke }
        do {
            try await endpoint.respond(to: try await request.clientRequest("POST /revoke", in: context))
            return Response(bytes: [])
        } catch let error as OAuthError {
            throw error.challenged(by: request)
        }
    }
}
