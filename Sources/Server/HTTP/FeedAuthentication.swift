import HTTPTypes
import Hummingbird
import OAuth

/// Access to what tells of revocations, the feed and event streams: by a token for the feed (RFC 6750), or by the
/// client's own credentials as at `/introspect`.
struct FeedAuthentication: Sendable {
    let server: AuthorizationServer

    /// - Throws: a `Challenge` that tells how to get in.
    func consumer(
        _ request: Request, _ context: LegateContext, as endpoint: String
    ) async throws -> FeedAccess.Consumer {
        let bearer = BearerAuthentication(server: server, resource: server.registry.ownResources.revocations)
        do {
            let consumer: FeedAccess.Consumer
            let header = try request.authorization()
            if header == nil || BearerAuthentication.isPresented(in: request) {
                consumer = try server.feedAccess.consumer(
                    try await bearer.authorize(request, context, as: endpoint, scope: FeedAccess.scope))
            } else {
                consumer = try await server.feedAccess.consumer(
                    ClientRequest(authorization: header, parameters: .empty, context: context.audited(as: endpoint))
                )
            }
            context.notes.note { $0.clientID = consumer.clientID.text }
            return consumer
        } catch let error as OAuthError {
            throw error.code == .insufficientScope
                ? bearer.refuse(error, FeedAccess.scope, to: request) : error.challenged(by: request)
        }
    }
}
