import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/admin/clients`, `resources`, `issuers`, `delegation-rules`, `delegations`: the same five verbs for each.
struct RegistryRoutes: Sendable {
    let server: AuthorizationServer
    let kind: RegistryKind

    func list(_ admin: AdminRequest) async throws -> Response {
        try admin.caller.require(kind.readScope)
        let now = server.now()
        let limit = try admin.limit()
        var filter = DelegationFilter(now: now)
        if kind == .delegation {
            if let text = admin.query("client_id") {
                guard let client = ClientID(text) else { throw InvalidDocument("client_id", "must be a client id") }
                filter.clientID = client
            }
            filter.subject = admin.query("subject")
            if let text = admin.query("status") {
                guard let status = Delegation.Status(rawValue: text) else {
                    throw InvalidDocument("status", "must be active, revoked or expired")
                }
                filter.status = status
            }
        }
        let page = try await server.store.page(
            of: kind, after: admin.query("cursor"), limit: limit + 1, filter: filter
        )
        let items = page.prefix(limit).map { $0.registered }
        return Response(json: [
            "items": .array(items.map { .object($0.document(at: now)) }),
            "next": page.count > limit ? items.last.map { .string($0.identifier) } ?? .null : .null,
        ])
    }

    func show(_ admin: AdminRequest) async throws -> Response {
        answer(try server.registrar.show(kind, try admin.name(), to: admin.caller))
    }

    func create(_ admin: AdminRequest) async throws -> Response {
        let (created, secret) = try await server.registrar.create(
            kind, from: try await admin.document(), by: admin.caller)
        var document = created.document(at: server.now())
        if let secret { document["client_secret"] = .string(secret) }
        let location = "\(server.issuer)/admin/\(kind.path)/\(created.identifier)"
        return Response(.created, json: document, headers: [.location: location, .eTag: "\"\(created.revision)\""])
    }

    func update(_ admin: AdminRequest) async throws -> Response {
        let patch = try await admin.document()
        return answer(
            try await server.registrar.update(
                kind, try admin.name(), patch: patch, ifRevision: try admin.ifMatch(), by: admin.caller
            )
        )
    }

    func delete(_ admin: AdminRequest) async throws -> Response {
        try await server.registrar.delete(kind, try admin.name(), by: admin.caller)
        return Response(status: .noContent)
    }

    /// `POST /admin/clients/ID/rotate-secret`
    func rotateSecret(_ admin: AdminRequest) async throws -> Response {
        let body = try await admin.document()
        for member in body.members where member.name != "grace" {
            throw InvalidDocument(member.name, "is not a member that can be set here")
        }
        guard body["grace"] == nil || body["grace"]?.integer != nil else {
            throw InvalidDocument("grace", "must be whole seconds")
        }
        let grace = body["grace"]?.integer.flatMap { Int(exactly: $0) } ?? 0
        let (client, secret, ends) = try await server.registrar.rotateSecret(
            of: try admin.name(), grace: grace, by: admin.caller
        )
        var document = client.document(at: server.now())
        document["client_secret"] = .string(secret)
        document["previous_secret_expires_at"] = ends.map { .string(RFC3339.text($0)) } ?? .null
        return Response(json: document, headers: [.eTag: "\"\(client.revision)\""])
    }

    /// `POST /admin/clients/ID/enable-agent`
    func enableAgent(_ admin: AdminRequest) async throws -> Response {
        let body = try await admin.document()
        guard let client = ClientID(try admin.name()), let name = body["agent_id"]?.string,
            let qualified = QualifiedName(name, of: client)
        else { throw InvalidDocument("agent_id", "must be the name of an agent instance") }
        try await server.revocationDesk.reopenAgent(qualified, by: admin.caller)
        return Response(json: ["agent_id": .string(qualified.text), "enabled": true])
    }

    /// `POST /admin/delegations/ID/revoke`
    func revoke(_ admin: AdminRequest) async throws -> Response {
        let body = try await admin.document()
        if let reason = body["reason"], !reason.isNull, (reason.string?.utf8.count ?? 513) > 512 {
            throw InvalidDocument("reason", "must be a text of at most 512 bytes")
        }
        return answer(
            try await server.registrar.revokeDelegation(
                try admin.name(), reason: body["reason"]?.string, by: admin.caller
            )
        )
    }

    private func answer(_ found: any Registered) -> Response {
        Response(json: found.document(at: server.now()), headers: [.eTag: "\"\(found.revision)\""])
    }
}
