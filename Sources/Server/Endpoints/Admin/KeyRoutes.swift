import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/admin/keys`
struct KeyRoutes: Sendable {
    let server: AuthorizationServer

    func list(_ admin: AdminRequest) async throws -> Response {
        let keys = try server.keyDesk.list(all: admin.query("all") == "true", for: admin.caller)
        return Response(json: ["items": .array(keys.map(JSON.object)), "next": .null])
    }

    func show(_ admin: AdminRequest) async throws -> Response {
        let name = try admin.name()
        guard let key = try server.keyDesk.show(name, to: admin.caller) else {
            throw HTTPRefusal(status: .notFound, detail: "no such key: \(name)")
        }
        return Response(json: key)
    }

    func rotate(_ admin: AdminRequest) async throws -> Response {
        Response(.created, json: try await server.keyDesk.rotate(try await admin.document(), by: admin.caller))
    }

    /// `POST /admin/keys/import`: a key file and its passphrase. The server opens it, so that the key itself is never
    /// outside of it in the clear.
    func bringIn(_ admin: AdminRequest) async throws -> Response {
        Response(.created, json: try await server.keyDesk.bringIn(try await admin.document(), by: admin.caller))
    }
}
