import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import Vault

/// `/vault/values` and `/vault/versions`: the one place where a value is read, and where it is changed.
struct ValueRoutes: Sendable {
    let server: AuthorizationServer
    private var desk: SecretDesk { server.secretDesk }

    init(server: AuthorizationServer) { self.server = server }

    /// `GET /vault/values/NAME?version&wrap_ttl`: the value, under a lease; or a reference to it that opens once.
    func read(_ call: AdminRequest) async throws -> Response {
        if call.query("wrap_ttl") != nil { return try await WrapRoutes(desk: server.wrapDesk).wrap(call) }
        try call.acceptQuery("version")
        let released = try await desk.read(
            try call.secretName(), version: try call.queriedVersion(), by: call.caller.token, in: call.caller.context
        )
        return Response(json: released.document)
    }

    /// `PUT /vault/values/NAME`: a new version.
    func put(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        try call.acceptQuery()
        let name = try call.secretName()
        var body = try await call.document(limit: AdminRequest.longestValueBody)
        guard let value = try body.takeValue() else { throw InvalidDocument("value", "is required") }
        let ifVersion = try body.takeNumber("if_version", from: 0)
        try body.refuseRest()
        let changed = try await desk.put(value, into: name, ifVersion: ifVersion, by: call.caller)
        let made = try await desk.versions(of: name, by: call.caller).first { $0.number == changed.latest }
        return Response(
            json: [
                "name": .string(name.text), "version": .integer(Int64(changed.latest)),
                "created_at": made.map { .string(RFC3339.text($0.createdAt)) } ?? .null,
            ],
            headers: [.eTag: "\"\(changed.revision)\""]
        )
    }

    /// `DELETE /vault/values/NAME?version`: it cannot be read any more, but comes back with `undelete`.
    func delete(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery("version")
        try await desk.delete(try call.secretName(), version: try call.queriedVersion(), by: call.caller)
        return Response(status: .noContent)
    }

    /// `POST /vault/undelete/NAME`
    func undelete(_ call: AdminRequest) async throws -> Response {
        try await desk.undelete(try call.secretName(), version: try await version(call), by: call.caller)
        return Response(status: .noContent)
    }

    /// `POST /vault/destroy/NAME`: the value is erased for good.
    func destroy(_ call: AdminRequest) async throws -> Response {
        try await desk.destroy(try call.secretName(), version: try await version(call), by: call.caller)
        return Response(status: .noContent)
    }

    /// `GET /vault/versions/NAME`
    func versions(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery()
        try call.caller.require(SecretDesk.writeScope)
        let name = try call.secretName()
        let secret = try desk.show(name, to: call.caller)
        let versions = try await desk.versions(of: name, by: call.caller)
        let now = server.now()
        return Response(json: [
            "items": .array(versions.map { .object($0.document(of: secret, at: now)) }), "next": .null,
        ])
    }

    /// The number in a body that has nothing else.
    private func version(_ call: AdminRequest) async throws -> Int {
        try call.caller.require(SecretDesk.writeScope)
        try call.acceptQuery()
        var body = try await call.document()
        guard let version = try body.takeNumber("version", from: 1) else {
            throw InvalidDocument("version", "is required")
        }
        try body.refuseRest()
        return version
    }
}
