import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/admin/tasks/CLIENT/ID/complete`
struct TaskRoutes: Sendable {
    let server: AuthorizationServer

    func complete(_ admin: AdminRequest) async throws -> Response {
        try admin.caller.require(TaskDesk.scope)
        let body = try await admin.document()
        for member in body.members where member.name != "reason" {
            throw InvalidDocument(member.name, "is not a member that can be set here")
        }
        if let reason = body["reason"], !reason.isNull, reason.string == nil {
            throw InvalidDocument("reason", "must be a text")
        }
        guard let client = ClientID(try admin.context.pathName("client")),
            let task = QualifiedName(try admin.name(), of: client)
        else { throw InvalidDocument("id", "must be the name of a task, after the id of its client") }
        try await server.taskDesk.complete(task, reason: body["reason"]?.string, by: admin.caller)
        return Response(status: .noContent)
    }
}
