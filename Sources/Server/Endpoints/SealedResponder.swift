import HTTPTypes
import Hummingbird
import JOSE
import OAuth

/// What a sealed server answers: health, metrics, the documents that anyone may read, and the call that unseals it.
/// Everything else is 503, known or not.
struct SealedResponder: HTTPResponder {
    typealias Context = LegateContext
    typealias Unseal = @Sendable (UnsealAttempt) async throws -> Void

    private let routes: [String: [HTTPRequest.Method: Routes.Handler]]

    /// Seconds after which it may be worth while to ask again: somebody has to come with a passphrase.
    private static let patience = "10"

    static var refusal: HTTPRefusal {
        HTTPRefusal(
            status: .serviceUnavailable, code: OAuthError.Code.temporarilyUnavailable.rawValue,
            detail: "the vault is sealed: nothing is answered until an operator unseals it",
            headers: [.retryAfter: patience]
        )
    }

    /// - Parameter needsPassphrase: false when the root key file opens the vault; told to whoever wants to unseal it.
    init(face: PublicFace, needsPassphrase: Bool, metrics: Metrics, unseal: @escaping Unseal) {
        let documents = SealedDocuments(face: face)
        let base = face.issuer.path
        var routes: [String: [HTTPRequest.Method: Routes.Handler]] = [
            "\(base)/health/live": [.get: HealthRoutes.live],
            "\(base)/health/ready": [.get: Self.ready(needsPassphrase: needsPassphrase)],
            "\(base)/metrics": [
                .get: { _, context in
                    context.notes.note { $0.route = .metrics }
                    return Response(type: ContentType.metrics, bytes: metrics.render(gauges: nil))
                }
            ],
            "/.well-known/oauth-authorization-server\(base)": [.get: documents.authorizationServer],
            "/.well-known/openid-configuration\(base)": [.get: documents.authorizationServer],
            "\(base)/.well-known/jwks.json": [.get: documents.jwks],
            "/.well-known/ssf-configuration\(base)": [.get: documents.eventTransmitter],
            "\(base)\(UnsealAttempt.path)": [
                .post: { request, context in
                    try await unseal(try await UnsealAttempt(request, context, issuer: face.issuer))
                    return VaultKeyRoutes.unsealed
                }
            ],
        ]
        // For an issuer without a path it is the one above.
        routes["\(base)/.well-known/openid-configuration"] = [.get: documents.authorizationServer]
        for resource in face.ownResources.all {
            let path = String(resource.uri.text.dropFirst(face.issuer.origin.utf8.count))
            routes["/.well-known/oauth-protected-resource\(path)"] = [.get: documents.resource(resource)]
        }
        for resource in face.resources where resource.enabled {
            routes["\(base)/resources/\(resource.name)/oauth-protected-resource"] = [.get: documents.resource(resource)]
        }
        for (path, handlers) in routes { routes[path]?[.head] = handlers[.get] }
        self.routes = routes
    }

    func respond(to request: Request, context: LegateContext) async throws -> Response {
        guard let handlers = routes[request.uri.path] else { throw Self.refusal }
        guard let handler = handlers[request.method] else {
            let allowed = handlers.keys.map(\.rawValue).sorted().joined(separator: ", ")
            throw HTTPRefusal(
                status: .methodNotAllowed, detail: "the method is not one of: \(allowed)", headers: [.allow: allowed]
            )
        }
        return try await handler(request, context)
    }

    private static func ready(needsPassphrase: Bool) -> Routes.Handler {
        { _, context in
            context.notes.note { $0.route = .health }
            return Response(
                .serviceUnavailable,
                json: [
                    "status": "not ready", "reason": "sealed",
                    "opened_by": needsPassphrase ? "passphrase" : "root key file",
                ],
                headers: [.retryAfter: patience]
            )
        }
    }
}
