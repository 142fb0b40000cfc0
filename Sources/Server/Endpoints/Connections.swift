import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/vault/connections`: accounts at third parties.
struct ConnectionRoutes: Sendable {
    let desk: ConnectionDesk
    /// The first segment of the names of secrets that a verb's own path would hide.
    var prefix: String?

    private func name(_ call: AdminRequest) throws -> SecretName {
        let name = try call.secretName()
        guard let prefix else { return name }
        guard let whole = SecretName("\(prefix)/\(name)") else {
            throw InvalidDocument("name", "must be \(SecretName.form)")
        }
        return whole
    }

    /// `GET /vault/connections?cursor&limit`
    func list(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery("cursor", "limit")
        let limit = try call.limit()
        var cursor: SecretName?
        if let text = call.query("cursor") {
            guard let name = SecretName(text) else {
                throw InvalidDocument("cursor", "must be the next of an earlier list")
            }
            cursor = name
        }
        let page = try desk.page(after: cursor, limit: limit + 1, by: call.caller)
        let items = page.prefix(limit)
        return Response(json: [
            "items": .array(items.map(JSON.object)),
            "next": page.count > limit ? items.last?["name"] ?? .null : .null,
        ])
    }

    /// `GET /vault/connections/NAME`
    func show(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery()
        try call.caller.require(SecretDesk.writeScope)
        return Response(json: try desk.show(try name(call), to: call.caller))
    }

    /// `POST /vault/connections/start/NAME`: where a person has to go.
    func start(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery()
        try call.caller.require(SecretDesk.writeScope)
        let started = try await desk.start(try call.secretName(), try await call.document(), by: call.caller)
        var document = started.document
        document["authorization_url"] = .string(started.authorizationURL)
        return Response(json: document)
    }

    /// `POST /vault/connections/finish/NAME {"code"}`
    func finish(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery()
        try call.caller.require(SecretDesk.writeScope)
        let name = try call.secretName()
        var body = try await call.document()
        guard let code = body["code"]?.string, (1...64).contains(code.utf8.count) else {
            throw InvalidDocument("code", "is required: the code that the browser showed")
        }
        body["code"] = nil
        try body.refuseRest()
        return Response(json: try await desk.finish(name, code: code, by: call.caller))
    }

    /// `DELETE /vault/connections/NAME`
    func disconnect(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery()
        try call.caller.require(SecretDesk.writeScope)
        let ended = try await desk.disconnect(try name(call), by: call.caller)
        return Response(json: ended.document)
    }
}

extension Routes {
    /// Where providers send browsers back to. It needs no token: whoever comes brings a secret of their own.
    func addConnections(_ base: String, to router: Router<LegateContext>) {
        let callback = ConnectionCallback(desk: server.connectionDesk)
        // An answer is taken once: whoever only looks must not spend it.
        add("\(base)/connections/callback/{id}", [.get: callback.respond], answersHead: false, to: router)
    }
}
