/// Legate's own APIs, registered from the start: tokens for them come from Legate itself, like any others.
package struct OwnResources: Sendable {
    package let admin: Resource
    package let vault: Resource
    package let revocations: Resource

    package var all: [Resource] { [admin, vault, revocations] }

    /// Whether Legate itself is the resource.
    func contains(_ uri: ResourceURI) -> Bool { uri == admin.uri || uri == vault.uri || uri == revocations.uri }

    /// Scopes of the admin API, one pair per area, so that a read-only auditor is a client with `audit:read`.
    package static let adminScopes = [
        "clients:read", "clients:write", "resources:read", "resources:write", "issuers:read", "issuers:write",
        "delegations:read", "delegations:write", "tokens:read", "revocations:read", "revocations:write", "tasks:write",
        "keys:read", "keys:write", "audit:read", "vault:manage", "metrics:read",
    ]

    package init(issuer: IssuerURL) {
        func own(_ path: String, _ scopes: [String]) -> Resource {
            Resource(
                uri: ResourceURI(unchecked: issuer.text + "/" + path), name: "legate-" + path,
                scopes: ScopeSet(scopes) ?? .empty, createdAt: Timestamp(milliseconds: 0)
            )
        }
        admin = own("admin", Self.adminScopes)
        vault = own("vault", ["secrets:read", "secrets:write"])
        revocations = own("revocations", ["revocations:read"])
    }
}
