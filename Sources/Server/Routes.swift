import HTTPTypes
import Hummingbird
import NIOHTTP1
import OAuth

/// Every endpoint, in one table. What is not here does not exist (404); a method that is not here is 405.
struct Routes {
    let server: AuthorizationServer
    let metrics: Metrics
    let control: SealControl

    typealias Handler = @Sendable (Request, LegateContext) async throws -> Response

    func router() -> Router<LegateContext> {
        let router = Router(context: LegateContext.self)
        let base = server.issuer.path
        let bearer = BearerAuthentication(server: server, resource: server.registry.ownResources.admin)
        let metadata = MetadataRoutes(server: server)
        let health = HealthRoutes(server: server, metrics: metrics)
        let authorize = AuthorizeRoute()

        // OAuth
        add(
            "\(base)/token",
            [.post: TokenRoute(endpoint: server.tokenEndpoint, issuer: server.issuer, metrics: metrics).respond],
            to: router)
        add(
            "\(base)/introspect",
            [.post: IntrospectRoute(introspection: server.introspection, bearer: bearer).respond], to: router
        )
        add("\(base)/revoke", [.post: RevokeRoute(endpoint: server.revocationEndpoint).respond], to: router)
        add(
            "\(base)/revocations",
            [
                .get: RevocationFeedRoute(server: server, authentication: FeedAuthentication(server: server)).respond
            ], to: router
        )
        let check = CheckRoute(server: server, metrics: metrics, path: "\(base)/check")
        addAnyMethod("\(base)/check", check.respond, to: router)
        addAnyMethod("\(base)/check/**", check.respond, to: router)
        let tasks = CompleteTaskRoute(server: server, bearer: bearer)
        add("\(base)/tasks/{id}/complete", [.post: tasks.complete], to: router)
        add("\(base)/events", [.post: EventRoute(intake: server.eventIntake).receive], to: router)
        let admin = AdminAPI(server: server, bearer: bearer)
        let subjects = SubjectRoutes(desk: server.subjectDesk)
        add(
            "\(base)/global-token-revocation",
            [.post: admin.endpoint("POST /global-token-revocation", scope: SubjectDesk.scope, subjects.revoke)],
            to: router
        )
        add("\(base)/authorize", [.get: authorize.respond, .post: authorize.respond], to: router)

        let ownSecret = RotateOwnSecretRoute(desk: server.clientSecretDesk)
        add("\(base)/clients/self/rotate-secret", [.post: ownSecret.rotate], to: router)

        // Metadata
        add("/.well-known/oauth-authorization-server\(base)", [.get: metadata.authorizationServer], to: router)
        add("/.well-known/openid-configuration\(base)", [.get: metadata.authorizationServer], to: router)
        if !base.isEmpty {
            add("\(base)/.well-known/openid-configuration", [.get: metadata.authorizationServer], to: router)
        }
        add("\(base)/.well-known/jwks.json", [.get: metadata.jwks], to: router)
        for resource in server.registry.ownResources.all {
            let path = String(resource.uri.text.dropFirst(server.issuer.origin.utf8.count))
            add("/.well-known/oauth-protected-resource\(path)", [.get: metadata.own(resource)], to: router)
        }
        add("\(base)/resources/{name}/oauth-protected-resource", [.get: metadata.registered], to: router)

        add("/.well-known/ssf-configuration\(base)", [.get: metadata.eventTransmitter], to: router)
        let streams = EventStreamRoutes(server: server)
        add("\(base)/ssf/streams", [.get: streams.streams], to: router)
        add("\(base)/ssf/status", [.get: streams.status], to: router)
        add("\(base)/ssf/verify", [.post: streams.verify], to: router)
        add("\(base)/ssf/poll", [.post: streams.poll], to: router)
        let statusLists = StatusListRoutes(server: server)
        add("\(base)/status-lists", [.get: statusLists.aggregation], to: router)
        add("\(base)/status-lists/{id}", [.get: statusLists.list], to: router)

        // Operations
        add("\(base)/health/live", [.get: HealthRoutes.live], to: router)
        add("\(base)/health/ready", [.get: health.ready], to: router)
        add("\(base)/metrics", [.get: health.prometheus], to: router)

        addAdmin("\(base)/admin", admin, to: router)
        addVault("\(base)/vault", to: router)
        addConnections(base, to: router)
        return router
    }

    private func addAdmin(_ base: String, _ api: AdminAPI, to router: Router<LegateContext>) {
        func admin(_ path: String, _ verbs: [HTTPRequest.Method: (scope: String, handler: AdminAPI.Handler)]) {
            let handlers = verbs.map { method, verb in
                (method, api.endpoint("\(method.rawValue) /admin/\(path)", scope: verb.scope, verb.handler))
            }
            add("\(base)/\(path)", Dictionary(handlers) { first, _ in first }, to: router)
        }
        for kind in RegistryKind.allCases {
            let routes = RegistryRoutes(server: server, kind: kind)
            admin(kind.path, [.get: (kind.readScope, routes.list), .post: (kind.writeScope, routes.create)])
            admin(
                "\(kind.path)/{id}",
                [
                    .get: (kind.readScope, routes.show), .patch: (kind.writeScope, routes.update),
                    .delete: (kind.writeScope, routes.delete),
                ]
            )
        }
        let clients = RegistryRoutes(server: server, kind: .client)
        let delegations = RegistryRoutes(server: server, kind: .delegation)
        let revocations = RevocationRoutes(server: server)
        let keys = KeyRoutes(server: server)
        let audit = AuditRoutes(server: server)
        // A client may have this name.
        let named = NamedRoutes(name: "disable")
        admin(
            "clients/disable",
            [
                .post: ("clients:write", OwnerRoutes(desk: server.ownerDesk).disable),
                .get: ("clients:read", named.with(clients.show)), .patch: ("clients:write", named.with(clients.update)),
                .delete: ("clients:write", named.with(clients.delete)),
            ]
        )
        admin("tasks/{client}/{id}/complete", [.post: (TaskDesk.scope, TaskRoutes(server: server).complete)])
        admin("clients/{id}/rotate-secret", [.post: ("clients:write", clients.rotateSecret)])
        admin("clients/{id}/enable-agent", [.post: ("clients:write", clients.enableAgent)])
        admin("delegations/{id}/revoke", [.post: ("delegations:write", delegations.revoke)])
        admin(
            "revocations",
            [.get: ("revocations:read", revocations.list), .post: ("revocations:write", revocations.create)]
        )
        let streams = EventStreamRoutes(server: server)
        admin("event-receivers/{id}/verify", [.post: (RegistryKind.receiver.writeScope, streams.verify)])
        admin("keys", [.get: ("keys:read", keys.list)])
        admin("keys/rotate", [.post: ("keys:write", keys.rotate)])
        admin("keys/import", [.post: ("keys:write", keys.bringIn)])
        admin("keys/{id}", [.get: ("keys:read", keys.show)])
        let vault = VaultKeyRoutes(server: server, control: control)
        admin("vault", [.get: (VaultKeyRoutes.scope, vault.status)])
        admin("vault/seal", [.post: (VaultKeyRoutes.scope, vault.seal)])
        admin("vault/rotate", [.post: (VaultKeyRoutes.scope, vault.rotate)])
        admin("vault/rekey", [.post: (VaultKeyRoutes.scope, vault.rekey)])
        add("\(base)/vault/unseal", [.post: VaultKeyRoutes.unseal], to: router)
        admin("vault/backup", [.post: (BackupDesk.scope, BackupRoute(desk: server.backupDesk).download)])
        admin("audit", [.get: ("audit:read", audit.list)])
        admin("audit/trace/{id}", [.get: ("audit:read", audit.trace)])
        admin("audit/verify", [.get: ("audit:read", audit.verify)])
        admin("audit/export", [.get: ("audit:read", audit.export)])
    }

    /// Registers every method that the HTTP parser knows: the call is an agent's, and what it may be is not ours to say.
    private func addAnyMethod(_ path: String, _ handler: @escaping Handler, to router: Router<LegateContext>) {
        let methods: [HTTPMethod] = [
            .GET, .HEAD, .POST, .PUT, .PATCH, .DELETE, .OPTIONS, .TRACE, .CONNECT, .ACL, .BIND, .CHECKOUT, .COPY, .LINK,
            .LOCK, .MERGE, .MKACTIVITY, .MKCALENDAR, .MKCOL, .MOVE, .MSEARCH, .NOTIFY, .PROPFIND, .PROPPATCH, .PURGE,
            .REBIND, .REPORT, .SEARCH, .SOURCE, .SUBSCRIBE, .UNBIND, .UNLINK, .UNLOCK, .UNSUBSCRIBE,
        ]
        let handler = watched(handler)
        for method in methods.compactMap({ HTTPRequest.Method($0.rawValue) }) {
            router.on(RouterPath(path), method: method) { request, context in try await handler(request, context) }
        }
    }

    /// Registers the methods of a path, `HEAD` wherever there is `GET` unless that would do more than look, and 405 for
    /// all others.
    func add(
        _ path: String, _ handlers: [HTTPRequest.Method: Handler], answersHead: Bool = true,
        to router: Router<LegateContext>
    ) {
        var handlers = handlers
        // The front door takes the body off every answer to HEAD.
        if answersHead, let get = handlers[.get] { handlers[.head] = get }
        let allowed = handlers.keys.map(\.rawValue).sorted().joined(separator: ", ")
        let all: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
        for method in all {
            let handler: Handler
            if let known = handlers[method] {
                handler = watched(known)
            } else {
                handler = { _, _ in
                    throw HTTPRefusal(
                        status: .methodNotAllowed, detail: "the method is not one of: \(allowed)",
                        headers: [.allow: allowed]
                    )
                }
            }
            router.on(RouterPath(path), method: method) { request, context in try await handler(request, context) }
        }
    }
}
