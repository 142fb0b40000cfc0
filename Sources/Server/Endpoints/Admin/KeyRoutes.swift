import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/admin/keys`
struct KeyRoutes: Sendable {
    let server: AuthorizationServer

    func list(_ admin: AdminRequest) async throws -> Response {
        let keys = try server.keyDesk.list(for: admin.caller)
        return Response(json: ["items": .array(keys.map(JSON.object)), "next": .null])
    }

    func rotate(_ admin: AdminRequest) async throws -> Response {
        Response(.created, json: try await server.keyDesk.rotate(try await admin.document(), by: admin.caller))
    }
}
