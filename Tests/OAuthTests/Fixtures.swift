import JOSE
import Revocations

@testable import OAuth

/// Small parts of the domain, without a database, for tests of one rule or one value.
enum Fixtures {
    static let now = Timestamp(seconds: 1_772_366_400)

    static func id(_ text: String) -> ClientID { ClientID(unchecked: text) }
    static func uri(_ name: String) -> ResourceURI { ResourceURI(unchecked: "https://\(name).example.com") }

    static func scopes(_ text: String) -> ScopeSet { ScopeSet(text) ?? .empty }

    static func client(
        _ name: String, kind: Client.Kind = .agent, scopes text: String = "read write", resources: [String] = ["api"],
        _ adjust: (inout Client) -> Void = { _ in }
    ) -> Client {
        var client = Client(
            id: id(name), name: name, kind: kind, scopes: scopes(text), resources: resources.map(uri), createdAt: now
        )
        adjust(&client)
        return client
    }

    static func resource(
        _ name: String, scopes text: String = "read write", _ adjust: (inout Resource) -> Void = { _ in }
    ) -> Resource {
        var resource = Resource(uri: uri(name), name: name, scopes: scopes(text), createdAt: now)
        adjust(&resource)
        return resource
    }

    static func issuer(_ name: String = "corp", _ adjust: (inout TrustedIssuer) -> Void = { _ in }) throws
        -> TrustedIssuer
    {
        guard let short = IssuerName(name), let url = IssuerURL("https://\(name).idp.example.com") else {
            throw InvalidDocument("name", name)
        }
        var issuer = TrustedIssuer(name: short, url: url, keys: .uri(url.text + "/jwks"), createdAt: now)
        adjust(&issuer)
        return issuer
    }

    static func user(_ claim: String = "corp|alice") throws -> UserSubject {
        guard let user = UserSubject(claim: claim) else { throw InvalidDocument("subject", claim) }
        return user
    }

    static func delegation(
        to client: String, from user: String = "corp|alice", scopes text: String = "read write",
        resources: [String] = ["api"], mayAct: [String] = [], created: Timestamp = now, lives seconds: Int = 3600,
        _ adjust: (inout Delegation) -> Void = { _ in }
    ) throws -> Delegation {
        let subject = try Self.user(user)
        var delegation = Delegation(
            id: .make(), subject: subject, issuerURL: try issuer(subject.issuer.text).url, clientID: id(client),
            scopes: scopes(text), resources: resources.map(uri), mayAct: mayAct.map(id), createdAt: created,
            expiresAt: created.adding(seconds: seconds)
        )
        adjust(&delegation)
        return delegation
    }

    static func registry(
        clients: [Client] = [], resources: [Resource] = [resource("api")], issuers: [TrustedIssuer] = [],
        rules: [DelegationRule] = [], delegations: [Delegation] = [],
        closed: [(Revocation.Kind, String, Timestamp?)] = []
    ) throws -> Registry {
        guard let issuer = IssuerURL("https://auth.example.com") else { throw InvalidDocument("issuer", "") }
        var snapshot = Snapshot()
        snapshot.clients = clients
        snapshot.resources = resources
        snapshot.issuers = issuers
        snapshot.rules = rules
        snapshot.delegations = delegations
        snapshot.closed = closed.map { (kind: $0.0, id: $0.1, until: $0.2) }
        return Registry(issuer: issuer, snapshot: snapshot)
    }

    static func context(_ registry: Registry, at now: Timestamp = now) -> PolicyContext {
        PolicyContext(registry: registry, now: now)
    }

    /// A client that acts for itself, until the test adds more.
    static func authorization(
        _ client: Client, for target: Resource = resource("api"), requesting scopes: String? = nil,
        _ adjust: (inout Authorization) -> Void = { _ in }
    ) -> Authorization {
        var authorization = Authorization(
            grant: .clientCredentials, client: client, subject: client.id.text, target: target,
            requestedScopes: scopes.map { self.scopes($0) }
        )
        adjust(&authorization)
        return authorization
    }

    static func identity(
        _ client: String = "planner", jti: String = "t1", subject: String? = nil, issuedAt: Int64 = now.seconds
    ) -> TokenIdentity {
        TokenIdentity(jti: jti, issuedAt: issuedAt, subject: subject ?? client, clientID: id(client))
    }

    static func token(
        of client: String, for resource: String = "api", subject: String? = nil, scopes text: String = "read",
        mayAct: String? = nil, _ adjust: (inout TokenIdentity) -> Void = { _ in }
    ) -> AccessToken {
        var identity = identity(client, subject: subject)
        adjust(&identity)
        return AccessToken(
            identity: identity, audience: uri(resource), scopes: scopes(text), expiresAt: now.seconds + 300,
            mayAct: mayAct.map(id)
        )
    }

    static func foreignToken(
        of user: String = "corp|alice", groups: [String] = [], mayAct: String? = nil
    ) throws -> ForeignToken {
        let subject = try Self.user(user)
        return ForeignToken(
            issuer: try issuer(subject.issuer.text), subject: subject, groups: groups, jti: "foreign-1",
            mayAct: mayAct.map(id), expiresAt: now.seconds + 300
        )
    }

    static func rule(
        for client: String, issuer: String = "corp", group: String? = nil, subject: String? = nil,
        scopes text: String = "read", resources: [String] = ["api"], lives seconds: Int = 3600
    ) throws -> DelegationRule {
        DelegationRule(
            id: .make(), issuer: try self.issuer(issuer).name, group: group, subject: subject, clientID: id(client),
            scopes: scopes(text), resources: resources.map(uri), maxTTL: seconds, createdAt: now
        )
    }
}
