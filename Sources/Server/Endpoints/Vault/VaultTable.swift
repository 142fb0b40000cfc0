import HTTPTypes
import Hummingbird
import OAuth

/// The endpoints of the vault. The verb comes first, because the names of secrets hold slashes.
extension Routes {
    func addVault(_ base: String, to router: Router<LegateContext>) {
        let api = VaultAPI(server: server)
        let (read, write) = (SecretDesk.readScope, SecretDesk.writeScope)
        func vault(
            _ path: String, answersHead: Bool = true,
            _ verbs: [HTTPRequest.Method: (scope: String, handler: AdminAPI.Handler)]
        ) {
            let shown = path.replacingWildcard
            let handlers = verbs.map { method, verb in
                (method, api.endpoint("\(method.rawValue) /vault/\(shown)", scope: verb.scope, verb.handler))
            }
            add(
                "\(base)/\(path)", Dictionary(handlers) { first, _ in first }, answersHead: answersHead, to: router
            )
        }
        let secrets = SecretRoutes(server: server)
        vault("secrets", [.get: (read, secrets.list)])
        vault(
            "secrets/**",
            [
                .get: (read, secrets.show), .put: (write, secrets.create), .patch: (write, secrets.update),
                .delete: (write, secrets.remove),
            ]
        )
        let values = ValueRoutes(server: server)
        // A true answer to HEAD would need the value, under a lease, for nobody to see.
        vault(
            "values/**", answersHead: false,
            [.get: (read, values.read), .put: (write, values.put), .delete: (write, values.delete)]
        )
        vault("versions/**", [.get: (write, values.versions)])
        vault("undelete/**", [.post: (write, values.undelete)])
        vault("destroy/**", [.post: (write, values.destroy)])
        let rules = RuleRoutes(desk: server.secretDesk)
        vault("rules/**", [.post: (write, rules.allow), .delete: (write, rules.disallow)])
        let leases = LeaseRoutes(desk: server.secretDesk)
        vault("leases", [.get: (write, leases.list)])
        vault("leases/{id}", [.delete: (write, leases.end)])
        vault("rotate/**", [.post: (write, RotateRoutes(server: server).rotate)])
        vault("unwrap", [.post: (read, WrapRoutes(desk: server.wrapDesk).open)])
        let canaries = CanaryRoutes(server: server)
        vault("canaries", [.get: (write, canaries.list), .post: (write, canaries.plant)])
        vault("canaries/{id}", [.delete: (write, canaries.remove)])
        let connections = ConnectionRoutes(desk: server.connectionDesk)
        vault("connections", [.get: (write, connections.list)])
        vault("connections/**", [.get: (write, connections.show), .delete: (write, connections.disconnect)])
        for (verb, handler) in [("start", connections.start), ("finish", connections.finish)] {
            let hidden = ConnectionRoutes(desk: server.connectionDesk, prefix: verb)
            vault(
                "connections/\(verb)/**",
                [
                    .post: (write, handler), .get: (write, hidden.show), .delete: (write, hidden.disconnect),
                ]
            )
        }
        vault("import", [.post: (write, ImportRoute(desk: server.secretDesk).bringIn)])
    }
}

extension String {
    /// The path as the audit trail shows it.
    fileprivate var replacingWildcard: String { hasSuffix("/**") ? dropLast(2) + "{name}" : self }
}
