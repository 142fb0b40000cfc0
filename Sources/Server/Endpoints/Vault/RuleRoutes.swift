import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// `/vault/rules`: who may have a secret, and through which door.
struct RuleRoutes: Sendable {
    let desk: SecretDesk

    /// `POST /vault/rules/NAME`: lets somebody in.
    func allow(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        try call.acceptQuery()
        let name = try call.secretName()
        let (secret, rule) = try await desk.allow(name, rule: try await call.document(), by: call.caller)
        return Response(.created, json: rule.document, headers: [.eTag: "\"\(secret.revision)\""])
    }

    /// `DELETE /vault/rules/NAME?rule_id|client_id|subject`: takes away every rule that is all of what is named.
    func disallow(_ call: AdminRequest) async throws -> Response {
        try call.caller.require(SecretDesk.writeScope)
        try call.acceptQuery("rule_id", "client_id", "subject")
        let name = try call.secretName()
        let (rule, client, subject) = (call.query("rule_id"), call.query("client_id"), call.query("subject"))
        guard rule != nil || client != nil || subject != nil else {
            throw InvalidDocument("rule_id", "is required, or client_id, or subject: they say which rules go")
        }
        _ = try await desk.disallow(
            name,
            where: { found in
                (rule == nil || found.id.text == rule) && (client == nil || found.client?.text == client)
                    && (subject == nil || found.subject == subject)
            }, by: call.caller
        )
        return Response(status: .noContent)
    }
}
