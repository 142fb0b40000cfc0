import HTTPTypes
import Hummingbird
import OAuth

/// `POST /tasks/{id}/complete`: a client ends a task of its own, an operator anyone's.
struct CompleteTaskRoute: Sendable {
    let server: AuthorizationServer
    let bearer: BearerAuthentication

    private static let name = "POST /tasks/{id}/complete"

    func complete(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .task }
        let id = try context.pathName("id")
        if BearerAuthentication.isPresented(in: request) { return try await complete(id, request, context) }
        do {
            let client = ClientRequest(
                authorization: try request.authorization(), parameters: try await request.formOrNothing(),
                context: context.audited(as: Self.name), presented: Presented(certificate: context.certificate)
            )
            let asked = try await server.taskDesk.complete(id, for: client)
            context.notes.note { $0.clientID = asked.text }
            return Response(status: .noContent)
        } catch let error as OAuthError {
            throw error.challenged(by: request)
        }
    }

    /// An operator names the client too: `CLIENT%2FNAME`.
    private func complete(_ id: String, _ request: Request, _ context: LegateContext) async throws -> Response {
        let token = try await bearer.authenticate(request, context, as: Self.name, scope: TaskDesk.scope)
        context.notes.note { $0.clientID = token.clientID.text }
        let caller = Operator(token: token, context: context.audited(as: Self.name))
        do {
            let reason = try await request.formOrNothing()[.reason]
            guard let task = QualifiedName(qualified: id) else {
                throw OAuthError(.invalidRequest, "an operator names a task as CLIENT%2FNAME")
            }
            try await server.taskDesk.complete(task, reason: reason, by: caller)
            return Response(status: .noContent)
        } catch let error as OAuthError where error.code == .insufficientScope {
            try await server.recordRefusal(error, by: caller)
            throw bearer.refuse(error, TaskDesk.scope, to: request)
        }
    }
}

extension Request {
    /// The form, or an empty one when there is no body: the credentials may stand in a header.
    func formOrNothing() async throws -> OAuth.Parameters {
        if headers[.contentType] == nil, headers[.contentLength] ?? "0" == "0" {
            guard try await boundedBody().isEmpty else {
                throw OAuthError(.invalidRequest, "the content type must be \(ContentType.form)")
            }
            return .empty
        }
        return try await form()
    }
}
