import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/vault/leases`: who holds what at this moment.
struct LeaseRoutes: Sendable {
    let desk: SecretDesk

    /// `GET /vault/leases?secret&cursor&limit`: the live ones, oldest first.
    func list(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        try call.acceptQuery("secret", "cursor", "limit")
        let limit = try call.limit()
        var name: SecretName?
        if let text = call.query("secret") {
            guard let parsed = SecretName(text) else { throw InvalidDocument("secret", "must be \(SecretName.form)") }
            name = parsed
        }
        var cursor: LeaseID?
        if let text = call.query("cursor") {
            guard let id = LeaseID(text) else {
                throw InvalidDocument("cursor", "must be the next of an earlier list")
            }
            cursor = id
        }
        let page = try await desk.leases(of: name, after: cursor, limit: limit + 1, by: call.caller)
        let items = page.prefix(limit)
        return Response(json: [
            "items": .array(items.map { .object($0.document) }),
            "next": page.count > limit ? items.last.map { .string($0.id.text) } ?? .null : .null,
        ])
    }

    /// `DELETE /vault/leases/ID?reason`
    func end(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        try call.acceptQuery("reason")
        let reason = call.query("reason")
        if let reason, reason.isEmpty || reason.utf8.count > 512 {
            throw InvalidDocument("reason", "must be a text of 1 to 512 bytes")
        }
        guard let id = LeaseID(try call.name()) else { throw SecretRefusal.notFound }
        _ = try await desk.endLease(id, reason: reason, by: call.caller)
        return Response(status: .noContent)
    }
}
