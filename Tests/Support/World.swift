import JOSE
package import OAuth
import Vault

/// Who and what is registered in every test: named so that a test reads like a story.
///
/// - `planner` is an agent that users delegate to. It may use the calendar, the orders and the tools.
/// - `worker` runs the MCP server `tools`: it *is* that resource, and may turn `tools.call` into `orders.read`.
/// - `signer` authenticates by a signed assertion, `runner` by its platform's token alone.
/// - `gateway` stands before calendar and orders, `calendarAPI` is the calendar.
/// - `auditor` reads the trail; `admin` may do everything.
/// - `corp` is the identity provider of alice and bob.
package struct World: Sendable {
    package let planner: Party
    package let worker: Party
    package let signer: Party
    package let runner: Party
    package let gateway: Party
    package let calendarAPI: Party
    package let auditor: Party
    package let admin: Party

    package static let calendar = uri("https://calendar.example.com/api")
    package static let orders = uri("https://orders.example.com")
    package static let tools = uri("https://mcp.example.com/mcp")
    /// Registered, but nobody is granted it.
    package static let payroll = uri("https://payroll.example.com")
    /// The subject of the runner's platform token at `corp`.
    package static let runnerSubject = "system:serviceaccount:jobs:runner"

    let clients: [Client]
    let resources: [Resource]
    let issuer: TrustedIssuer

    package static func id(_ text: String) -> ClientID {
        guard let id = ClientID(text) else { preconditionFailure("not a client id: \(text)") }
        return id
    }

    package static func uri(_ text: String) -> ResourceURI {
        guard let uri = ResourceURI(text) else { preconditionFailure("not a resource: \(text)") }
        return uri
    }

    package static func scopes(_ text: String) -> ScopeSet {
        guard let scopes = ScopeSet(text) else { preconditionFailure("not scopes: \(text)") }
        return scopes
    }

    init(issuer url: IssuerURL, corp: IdentityProvider, digests: DigestKey, at time: Timestamp) throws {
        let own = OwnResources(issuer: url)
        var made: [Client] = []
        func make(
            _ name: String, _ kind: Client.Kind, _ scopes: String, _ resources: [ResourceURI],
            _ adjust: (inout Client) throws -> Void = { _ in }
        ) rethrows -> Party {
            let id = Self.id(name)
            var client = Client(
                id: id, name: name, kind: kind, scopes: Self.scopes(scopes), resources: resources,
                owner: "\(name)@example.com", purpose: "to test \(name)", createdAt: time
            )
            var proof = Party.Proof.none
            if kind != .agent || !["signer", "runner"].contains(name) {
                let secret = ClientSecret.generate()
                client.secrets = [SecretDigest(digest: digests.digest(of: secret, context: name))]
                proof = .basic(secret)
            }
            try adjust(&client)
            made.append(client)
            return Party(id, proof)
        }

        planner = make(
            "planner", .agent, "calendar.read calendar.write orders.read tools.call tools.list",
            [Self.calendar, Self.orders, Self.tools]
        ) { client in
            client.grants = [.clientCredentials, .tokenExchange]
            client.type = "planner"
            client.version = "1.4.0"
            client.tier = "gold"
        }
        worker = make(
            "worker", .agent, "orders.read orders.write calendar.read tools.call",
            [Self.orders, Self.calendar, Self.tools]
        ) { client in
            client.grants = [.clientCredentials, .tokenExchange]
            client.actsAs = Self.tools
            client.exchangeScopes = [ScopeMapping(from: "tools.call", to: "orders.read", resource: Self.orders)]
        }
        let signingKey = try TestKeys.key(.es256)
        signer = try make("signer", .agent, "calendar.read", [Self.calendar]) { client in
            let document = TestKeys.jwks(signingKey, try TestKeys.key(.ed25519))
            client.authentication = .privateKeyJWT
            client.keys = .set(try JWKSet(json: .object(document)), text: document.text)
            client.grants = [.clientCredentials, .tokenExchange]
        }.with(.key(signingKey))
        runner = make("runner", .agent, "calendar.read orders.read", [Self.calendar, Self.orders]) { client in
            client.authentication = .workload
            client.workloads = [Workload(issuer: corp.name, subject: Self.runnerSubject)]
            client.grants = [.tokenExchange]
        }
        gateway = try make("gateway", .gateway, "", [Self.calendar, Self.orders])
        calendarAPI = make("calendar-api", .resource, "", []) { $0.actsAs = Self.calendar }
        auditor = try make("auditor", .admin, "audit:read tokens:read", [own.admin.uri])
        admin = try make("operator", .admin, OwnResources.adminScopes.joined(separator: " "), [own.admin.uri])
        clients = made

        resources = [
            Resource(
                uri: Self.calendar, name: "calendar", scopes: Self.scopes("calendar.read calendar.write"),
                createdAt: time
            ),
            Resource(
                uri: Self.orders, name: "orders", scopes: Self.scopes("orders.read orders.write"), createdAt: time
            ),
            Resource(
                uri: Self.tools, name: "tools", kind: .mcp, scopes: Self.scopes("tools.call tools.list"),
                createdAt: time
            ),
            Resource(uri: Self.payroll, name: "payroll", scopes: Self.scopes("payroll.read"), createdAt: time),
        ]
        let document = try corp.jwks()
        issuer = TrustedIssuer(
            name: corp.name, url: corp.url,
            keys: .set(try JWKSet(json: .object(document)), text: document.text), createdAt: time
        )
    }

    /// Everything, in an order in which each thing comes after what it names.
    var objects: [RegistryObject] {
        resources.map(RegistryObject.resource) + [.issuer(issuer)] + clients.map(RegistryObject.client)
    }
}
