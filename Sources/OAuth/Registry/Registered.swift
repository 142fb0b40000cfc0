package import JOSE

/// What an operator registers: clients, resources, trusted issuers, delegation rules, delegations, event receivers.
///
/// One shape for all of them, so that the admin API, the audit trail and the optimistic concurrency are written once.
package protocol Registered: Sendable {
    static var kind: RegistryKind { get }
    /// What names it in paths and in the audit trail.
    var identifier: String { get }
    /// Grows by one with every change; the `ETag` of the admin API.
    var revision: Int { get set }
    var createdAt: Timestamp { get }
    /// What the admin API shows. No secret, no digest.
    func document(at now: Timestamp) -> JSONObject
    /// The members that a PATCH may merge into.
    var draft: JSONObject { get }
    /// Reads a new one from a draft; `context` answers what else is registered.
    init(creating draft: JSONObject, in context: RegistryContext) throws(InvalidDocument)
    /// Reads the changed one from a merged draft.
    func replaced(by draft: JSONObject, in context: RegistryContext) throws(InvalidDocument) -> Self
    var change: RegistryObject { get }
}

/// The kinds of registered things, with the words that the API, the scopes and the audit trail use.
package enum RegistryKind: String, Sendable, CaseIterable {
    case client, resource, issuer, rule, delegation, receiver

    /// The path segment under `/admin`.
    package var path: String {
        switch self {
        case .client: "clients"
        case .resource: "resources"
        case .issuer: "issuers"
        case .rule: "delegation-rules"
        case .delegation: "delegations"
        case .receiver: "event-receivers"
        }
    }

    /// Rules are part of delegating, receivers of revoking.
    private var area: String {
        switch self {
        case .rule: RegistryKind.delegation.path
        case .receiver: "revocations"
        case .client, .resource, .issuer, .delegation: path
        }
    }
    package var readScope: String { "\(area):read" }
    package var writeScope: String { "\(area):write" }
}

/// A registered thing of any kind, as the ledger carries it.
package enum RegistryObject: Sendable {
    case client(Client)
    case resource(Resource)
    case issuer(TrustedIssuer)
    case rule(DelegationRule)
    case delegation(Delegation)
    case receiver(EventReceiver)

    package var registered: any Registered {
        switch self {
        case .client(let value): value
        case .resource(let value): value
        case .issuer(let value): value
        case .rule(let value): value
        case .delegation(let value): value
        case .receiver(let value): value
        }
    }
}

/// What a draft is checked against.
package struct RegistryContext: Sendable {
    package let registry: Registry
    package let now: Timestamp
}
