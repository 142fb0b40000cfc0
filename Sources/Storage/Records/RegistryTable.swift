import GRDB
import OAuth

/// The statements for one kind of registered thing: the same three verbs over five tables.
struct RegistryTable {
    let name: String
    let key: String
    let columns: [String]

    init(_ name: String, columns: String) {
        self.name = name
        self.columns = columns.split(separator: ",").map { String($0.drop { $0 == " " }) }
        key = self.columns[0]
    }

    static let clients = RegistryTable("clients", columns: ClientRecord.columns)
    static let resources = RegistryTable("resources", columns: ResourceRecord.columns)
    static let issuers = RegistryTable("issuers", columns: IssuerRecord.columns)
    static let rules = RegistryTable("delegation_rules", columns: RuleRecord.columns)
    static let delegations = RegistryTable("delegations", columns: DelegationRecord.columns)

    static func of(_ kind: RegistryKind) -> RegistryTable {
        switch kind {
        case .client: clients
        case .resource: resources
        case .issuer: issuers
        case .rule: rules
        case .delegation: delegations
        }
    }

    static func arguments(_ object: RegistryObject) -> StatementArguments {
        switch object {
        case .client(let client): ClientRecord.arguments(client)
        case .resource(let resource): ResourceRecord.arguments(resource)
        case .issuer(let issuer): IssuerRecord.arguments(issuer)
        case .rule(let rule): RuleRecord.arguments(rule)
        case .delegation(let delegation): DelegationRecord.arguments(delegation)
        }
    }

    static func table(of object: RegistryObject) -> RegistryTable { of(type(of: object.registered).kind) }

    var insert: String {
        "INSERT INTO \(name) (\(columns.joined(separator: ", "))) VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))"
    }

    var update: String {
        "UPDATE \(name) SET \(columns.map { "\($0) = ?" }.joined(separator: ", ")) WHERE \(key) = ? AND revision = ?"
    }

    var delete: String { "DELETE FROM \(name) WHERE \(key) = ?" }

    var exists: String { "SELECT EXISTS (SELECT 1 FROM \(name) WHERE \(key) = ?)" }

    /// What `key` is compared with: resources are named by their URI, not by the name in paths.
    static func keyValue(of object: RegistryObject) -> String {
        if case .resource(let resource) = object { return resource.uri.text }
        return object.registered.identifier
    }
}
