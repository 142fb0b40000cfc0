import HTTPTypes
import Hummingbird
import OAuth

/// `POST /introspect`
struct IntrospectRoute: Sendable {
    let introspection: Introspection
    let bearer: BearerAuthentication

    func respond(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .introspect }
        do {
            let client = try await request.clientRequest("POST /introspect", in: context)
            var caller = Introspection.Caller.client
            if BearerAuthentication.isPresented(in: request) {
                do {
                    caller = .operatorToken(
                        try await bearer.authorize(request, context, as: "POST /introspect", scope: "tokens:read")
                    )
                } catch {
                    // Nobody reads the form any further.
                    bearer.server.canaryWatch.look(atTokensIn: client)
                    throw error
                }
            }
            let answer = try await introspection.answer(client, from: caller)
            context.notes.note { $0.clientID = answer.caller.text }
            if wantsJWT(request) {
                return Response(type: ContentType.introspection, bytes: Array(try introspection.signed(answer).utf8))
            }
            return Response(bytes: answer.json)
        } catch let error as OAuthError {
            throw error.challenged(by: request)
        }
    }

    private func wantsJWT(_ request: Request) -> Bool {
        request.headers[values: .accept].contains { $0.lowercased().contains(ContentType.introspection) }
    }
}
