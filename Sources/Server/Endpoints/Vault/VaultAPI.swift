import Hummingbird
import OAuth

/// What every endpoint of the vault shares: a live token for `{issuer}/vault`, and refusals that are in the trail.
///
/// A stranger's call writes nothing. What does not exist and what the caller may not know of is answered alike.
struct VaultAPI: Sendable {
    let server: AuthorizationServer
    let bearer: BearerAuthentication

    init(server: AuthorizationServer) {
        self.server = server
        bearer = BearerAuthentication(server: server, resource: server.registry.ownResources.vault)
    }

    /// Turns a handler that knows only authenticated requests into a route.
    ///
    /// - Parameter scope: what the call needs, told in the challenge; the handler's own check decides.
    func endpoint(_ name: String, scope: String, _ handler: @escaping AdminAPI.Handler) -> Routes.Handler {
        { request, context in
            context.notes.note { $0.route = .vault }
            let token = try await bearer.authenticate(request, context, as: name, scope: scope)
            context.notes.note { $0.clientID = token.clientID.text }
            let caller = Operator(token: token, context: context.audited(as: name))
            let call = AdminRequest(request: request, context: context, caller: caller)
            do {
                return try await handler(call)
            } catch let error as OAuthError where error.code == .insufficientScope {
                try await server.secretDesk.recordRefusal(
                    error.rule, error.description, of: call.auditTarget, by: caller
                )
                throw bearer.refuse(error, error.detail ?? scope, to: request)
            } catch let refusal as SecretRefusal {
                // The roads on which values leave record this themselves.
                if let absence = refusal.absence, token.scopes.contains(SecretDesk.writeScope), scope != Self.reading {
                    try await server.secretDesk.recordRefusal(
                        "secret_exists", absence, of: call.auditTarget, by: caller
                    )
                }
                throw refusal
            }
        }
    }

    private static let reading = SecretDesk.readScope
}

extension AdminRequest {
    /// What the call is about, for the trail: only what has the form of a name.
    fileprivate var auditTarget: String? {
        if let name = try? secretName() { return "secret/\(name)" }
        if let lease = (try? context.pathName("id")).flatMap({ LeaseID($0) }) { return "lease/\(lease)" }
        return nil
    }
}
