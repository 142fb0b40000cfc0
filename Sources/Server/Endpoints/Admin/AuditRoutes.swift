import HTTPTypes
import Hummingbird
import JOSE
import NIOCore
import OAuth
import Vault

/// `/admin/audit`: read the trail, follow one token through it, check that it is whole, take it away.
struct AuditRoutes: Sendable {
    let server: AuthorizationServer

    func list(_ admin: AdminRequest) async throws -> Response {
        let limit = try admin.limit()
        let cursor = admin.query("cursor") ?? admin.query("after")
        guard let after = Int64(cursor ?? "0"), after >= 0 else {
            throw InvalidDocument("after", "must be a sequence number")
        }
        var query = AuditQuery(after: after, limit: limit + 1)
        query.clientID = admin.query("client_id")
        query.subject = admin.query("subject")
        query.delegationID = admin.query("delegation_id")
        query.taskID = admin.query("task_id")
        query.jti = admin.query("jti")
        if let text = admin.query("decision") {
            guard let decision = AuditEvent.Decision(rawValue: text) else {
                throw InvalidDocument("decision", "must be allow or deny")
            }
            query.decision = decision
        }
        query.since = try since(admin)
        let page = try await server.auditTrail.records(matching: query, for: admin.caller)
        let items = page.prefix(limit)
        return Response(json: [
            "items": .array(items.map { .object($0.json) }),
            "next": page.count > limit ? items.last.map { .string(String($0.sequence)) } ?? .null : .null,
        ])
    }

    func trace(_ admin: AdminRequest) async throws -> Response {
        guard let trace = try await server.auditTrail.trace(try admin.name(), for: admin.caller) else {
            throw HTTPRefusal(status: .notFound, detail: "no audit record of a token with this jti")
        }
        return Response(json: trace)
    }

    func verify(_ admin: AdminRequest) async throws -> Response {
        Response(json: try await server.auditTrail.verify(for: admin.caller))
    }

    /// JSON lines, and a signed checkpoint last. An export that breaks off has none, and so cannot pass for a whole one.
    func export(_ admin: AdminRequest) async throws -> Response {
        try admin.caller.require(AuditTrail.scope)
        let since = try since(admin)
        let trail = server.auditTrail
        let caller = admin.caller
        let body = ResponseBody { writer in
            let (lines, feed) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
            let reading = Task {
                do {
                    try await trail.export(since: since, for: caller) { feed.yield(ByteBuffer(bytes: $0)) }
                    feed.finish()
                } catch {
                    feed.finish(throwing: error)
                }
            }
            defer { reading.cancel() }
            for try await line in lines { try await writer.write(line) }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: ContentType.jsonLines, .cacheControl: "no-store"], body: body
        )
    }

    private func since(_ admin: AdminRequest) throws -> Timestamp? {
        guard let text = admin.query("since") else { return nil }
        guard let time = RFC3339.time(text) else {
            throw InvalidDocument("since", "must be a UTC time such as 2026-11-21T08:00:00Z")
        }
        return time
    }
}
