import JOSE
import OAuth
import Revocations
import Support
import Vault

/// Values with every member set, so that a column that is forgotten shows.
enum Sample {
    static let time = TestClock.start
    static let later = TestClock.start.adding(seconds: 3600)

    static func client(_ id: String = "planner", revision: Int = 1) -> Client {
        Client(
            id: World.id(id), name: "The planner", kind: .agent, enabled: false, authentication: .clientSecretBasic,
            secrets: [
                SecretDigest(digest: [UInt8](repeating: 7, count: 32)),
                SecretDigest(digest: [UInt8](repeating: 3, count: 32), expiresAt: later),
            ],
            keys: .uri("https://planner.example.com/jwks"), scopes: World.scopes("calendar.write calendar.read"),
            resources: [World.calendar, World.orders], grants: [.clientCredentials, .tokenExchange],
            actsAs: World.tools,
            exchangeScopes: [ScopeMapping(from: "tools.call", to: "orders.read", resource: World.orders)],
            workloads: workloads, tier: "gold", tokenTTL: 120, maxTaskLife: 3600,
            maxTaskTokens: 50, owner: "Ümläut & Co", purpose: "to \"plan\"\n",
            type: "planner", version: "1.4.0", createdAt: time, revision: revision
        )
    }

    static var workloads: [Workload] {
        IssuerName("corp").map { [Workload(issuer: $0, subject: "system:serviceaccount:jobs:runner")] } ?? []
    }

    /// Nothing but what must be there.
    static func bareClient(_ id: String) -> Client {
        Client(id: World.id(id), name: id, kind: .gateway, scopes: .empty, resources: [], createdAt: time)
    }

    static func clientWithKeys(_ id: String) throws -> Client {
        let document = TestKeys.jwks(try TestKeys.key(.es256), try TestKeys.key(.ed25519))
        return Client(
            id: World.id(id), name: id, kind: .agent, authentication: .privateKeyJWT,
            keys: .set(try JWKSet(json: .object(document)), text: document.text), scopes: World.scopes("a b"),
            resources: [World.calendar], createdAt: time
        )
    }

    static func resource(_ name: String = "calendar", uri: ResourceURI = World.calendar, revision: Int = 1) -> Resource
    {
        Resource(
            uri: uri, name: name, kind: .mcp, enabled: false, scopes: World.scopes("calendar.read calendar.write"),
            signingAlgorithm: .ed25519, tokenTTL: 60, includeAgentClaim: true, checkAudit: .count, statusList: true,
            createdAt: time, revision: revision
        )
    }

    static func issuer(_ name: String = "corp", revision: Int = 1) throws -> TrustedIssuer {
        let document = TestKeys.jwks(try TestKeys.key(.es256))
        return TrustedIssuer(
            name: try issuerName(name), url: try issuerURL("https://\(name).example.com"),
            keys: .set(try JWKSet(json: .object(document)), text: document.text),
            audiences: ["https://auth.example.com", "an audience with spaces"], subjectClaim: "oid",
            groupsClaim: "roles", enabled: false, allowPrivateNetwork: true, createdAt: time, revision: revision
        )
    }

    static func rule(_ id: String = "rule_1", created: Timestamp = time) throws -> DelegationRule {
        guard let id = RuleID(id) else { throw NotAcceptable(text: id) }
        return DelegationRule(
            id: id, issuer: try issuerName("corp"), group: "staff", clientID: World.id("planner"),
            scopes: World.scopes("calendar.read"), resources: [World.calendar, World.orders],
            authorizationDetails: details, maxTTL: 7200, createdAt: created
        )
    }

    static func delegation(
        _ id: String = "dlg_1", issuer: String = "corp", subject: String = "alice", client: String = "planner",
        expires: Timestamp = later, revoked: Timestamp? = nil, revision: Int = 1
    ) throws -> Delegation {
        guard let identifier = DelegationID(id), let rule = RuleID("rule_1"),
            let user = UserSubject(issuer: try issuerName(issuer), subject: subject)
        else { throw NotAcceptable(text: id) }
        return Delegation(
            id: identifier, subject: user, issuerURL: try issuerURL("https://corp.example.com"),
            clientID: World.id(client), scopes: World.scopes("calendar.read"), resources: [World.calendar],
            authorizationDetails: details, purpose: "to plan", mayAct: [World.id("worker"), World.id("runner")],
            ruleID: rule, createdAt: time, expiresAt: expires, revokedAt: revoked, revision: revision
        )
    }

    static var details: AuthorizationDetails {
        AuthorizationDetails([PaymentDetails.payment(9.5, actions: ["status"], at: World.orders)]) ?? .none
    }

    static func signingKey(_ id: String = "key-1", revoked: Timestamp? = nil) -> StoredSigningKey {
        StoredSigningKey(
            keyID: id, algorithm: "ES256", box: [1, 2, 3, 0, 255], createdAt: time, activeFrom: later,
            revokedAt: revoked
        )
    }

    static func revocation(
        _ sequence: Int64, _ kind: Revocation.Kind = .client, _ id: String = "planner", expires: Timestamp = later,
        reason: String? = "left"
    ) -> Revocation {
        Revocation(
            sequence: sequence, kind: kind, id: id, issuedBefore: time.seconds, expires: expires.seconds, reason: reason
        )
    }

    static func spend(_ byte: UInt8, expires: Timestamp = later) -> Spend {
        Spend(digest: [UInt8](repeating: byte, count: 32), expires: expires)
    }

    /// An event with every member.
    static var fullEvent: AuditEvent {
        var event = issued("j-2")
        event.name = .tokenExchanged
        event.parentJTI = "j-1"
        event.mcpServer = "mcp.example"
        event.authorizationDetails = #"[{"type":"payment","amount":10}]"#
        event.requestContext = "quarter \"Q1\" report"
        event.policyEvaluation = PolicyEvaluation(verdict: "permit", rule: "delegation", reason: "covers all")
        event.target = "client/agent-b"
        event.before = #"{"enabled":true,"scopes":["a"]}"#
        event.after = "not JSON"
        return event
    }

    /// An event without any optional member.
    static var bareEvent: AuditEvent {
        AuditEvent(timestamp: time.milliseconds, name: .tokenRefused, decision: .deny)
    }

    /// A typical record of a token for an agent that acts for a user.
    static func issued(_ jti: String, client: String = "planner", at time: Timestamp = time) -> AuditEvent {
        var event = AuditEvent(timestamp: time.milliseconds, name: .tokenIssued, decision: .allow)
        event.clientID = client
        event.agentID = client + "/instance-7"
        event.delegatingUser = "corp|alice"
        event.delegationID = "dlg_0h7x4mvq2tn8kc5w9ez1b3"
        event.sessionID = client + "/session-2026-03-01"
        event.taskID = client + "/task-4711"
        event.jti = jti
        event.resource = "https://calendar.example.com/api"
        event.apiEndpoint = "/token"
        event.scopeGranted = "calendar.read calendar.write"
        event.tokenTTL = 300
        event.policyEvaluation = PolicyEvaluation(verdict: "permit", rule: "scope-attenuation")
        event.requestID = "01jn8q2h5m7w9x3c6v4b8n0z1k"
        event.traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
        return event
    }

    private static func issuerName(_ text: String) throws -> IssuerName {
        guard let name = IssuerName(text) else { throw NotAcceptable(text: text) }
        return name
    }

    private static func issuerURL(_ text: String) throws -> IssuerURL {
        guard let url = IssuerURL(text) else { throw NotAcceptable(text: text) }
        return url
    }

    private struct NotAcceptable: Error { let text: String }
}
