import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/vault/canaries`: look-alikes of credentials that were planted to be stolen.
struct CanaryRoutes: Sendable {
    let server: AuthorizationServer

    /// `GET /vault/canaries?cursor&limit`
    func list(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        try call.acceptQuery("cursor", "limit")
        let limit = try call.limit()
        var cursor: CanaryID?
        if let text = call.query("cursor") {
            guard let id = CanaryID(text) else {
                throw InvalidDocument("cursor", "must be the next of an earlier list")
            }
            cursor = id
        }
        let page = try server.canaryDesk.list(after: cursor, limit: limit + 1, by: call.caller)
        let items = page.prefix(limit)
        return Response(json: [
            "items": .array(items.map { .object($0.document) }),
            "next": page.count > limit ? items.last.map { .string($0.id.text) } ?? .null : .null,
        ])
    }

    /// `POST /vault/canaries {"kind", "where"}`: a new one; what to plant is shown this once.
    func plant(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        try call.acceptQuery()
        let (canary, lookAlike) = try await server.canaryDesk.plant(try await call.document(), by: call.caller)
        var document = canary.document
        document["client_id"] = lookAlike.clientID.map { .string($0.text) }
        document["value"] = .string(lookAlike.value)
        return Response(
            .created, json: document, headers: [.location: "\(server.issuer)/vault/canaries/\(canary.id)"]
        )
    }

    /// `DELETE /vault/canaries/ID`
    func remove(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        try call.acceptQuery()
        guard let id = CanaryID(try call.name()) else { throw SecretRefusal.notFound }
        try await server.canaryDesk.remove(id, by: call.caller)
        return Response(status: .noContent)
    }
}
