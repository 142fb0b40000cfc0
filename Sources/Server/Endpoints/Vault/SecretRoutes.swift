import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/vault/secrets`: what secrets there are, what they are, who may read them. No value goes out here.
struct SecretRoutes: Sendable {
    let server: AuthorizationServer
    private var desk: SecretDesk { server.secretDesk }

    init(server: AuthorizationServer) { self.server = server }

    /// `GET /vault/secrets?prefix&cursor&limit`
    func list(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery("prefix", "cursor", "limit")
        let limit = try call.limit()
        var cursor: SecretName?
        if let text = call.query("cursor") {
            guard let name = SecretName(text) else {
                throw InvalidDocument("cursor", "must be the next of an earlier list")
            }
            cursor = name
        }
        let page = try desk.page(
            prefix: call.query("prefix") ?? "", after: cursor, limit: limit + 1, for: call.caller
        )
        let items = page.prefix(limit)
        return Response(json: [
            "items": .array(items.map { .object($0.document) }),
            "next": page.count > limit ? items.last.map { .string($0.name.text) } ?? .null : .null,
        ])
    }

    /// `GET /vault/secrets/NAME`
    func show(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery()
        let (document, revision) = try await desk.view(try call.secretName(), for: call.caller)
        return Response(json: document, headers: revision.map { [.eTag: "\"\($0)\""] } ?? [:])
    }

    /// `PUT /vault/secrets/NAME`: a new one, with its first value when the body has one.
    func create(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        let name = try call.secretName()
        var body = try await call.document(limit: AdminRequest.longestValueBody)
        let value = try body.takeValue()
        try body.checkWebhook()
        let made = try await desk.create(name, from: body, value: value, by: call.caller)
        let (secret, more) = await server.rotationDesk.begin(made)
        return answer(secret, .created, with: more)
    }

    /// `PATCH /vault/secrets/NAME`
    func update(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        let (name, patch) = (try call.secretName(), try await call.document())
        if patch["rotation"] != nil {
            try desk.show(name, to: call.caller).draft.merging(patch: patch).checkWebhook()
        }
        let changed = try await desk.update(name, patch: patch, ifRevision: try call.ifMatch(), by: call.caller)
        return answer(changed)
    }

    /// `DELETE /vault/secrets/NAME`: with all its versions.
    func remove(_ call: AdminRequest) async throws -> Response {
        try call.acceptQuery()
        try await desk.remove(try call.secretName(), ifRevision: try call.ifMatch(), by: call.caller)
        return Response(status: .noContent)
    }

    private func answer(
        _ secret: VaultSecret, _ status: HTTPResponse.Status = .ok, with more: JSONObject = [:]
    ) -> Response {
        var headers: HTTPFields = [.eTag: "\"\(secret.revision)\""]
        if status == .created { headers[.location] = "\(server.issuer)/vault/secrets/\(secret.name)" }
        var document = secret.document
        for member in more.members { document[member.name] = member.value }
        return Response(status, json: document, headers: headers)
    }
}
