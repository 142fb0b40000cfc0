import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import Revocations

/// `/admin/revocations`
struct RevocationRoutes: Sendable {
    let server: AuthorizationServer

    func list(_ admin: AdminRequest) async throws -> Response {
        try admin.caller.require("revocations:read")
        let limit = try admin.limit()
        guard let after = Int64(admin.query("cursor") ?? admin.query("after") ?? "0"), after >= 0 else {
            throw InvalidDocument("after", "must be a sequence number")
        }
        let page = try await server.store.revocations(after: after, limit: limit + 1)
        let items = page.prefix(limit)
        return Response(json: [
            "items": .array(items.map { .object($0.document) }),
            "next": page.count > limit ? items.last.map { .string(String($0.sequence)) } ?? .null : .null,
        ])
    }

    func create(_ admin: AdminRequest) async throws -> Response {
        let revocation = try await server.revocationDesk.revoke(try await admin.document(), by: admin.caller)
        return Response(.created, json: revocation.document)
    }
}
