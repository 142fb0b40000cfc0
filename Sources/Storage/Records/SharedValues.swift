import JOSE
import OAuth

/// Lists in columns: scopes, resources and names lie there separated by spaces, for none of them can contain one.
///
/// Thousands of rows hold the same few lists. Each is parsed once, and the values share its memory.
struct SharedValues {
    private var scopes: [String: ScopeSet] = [:]
    private var resources: [String: [ResourceURI]] = [:]
    private var grants: [String: Set<GrantType>] = [:]
    private var clients: [String: [ClientID]] = [:]
    private var methods: [String: AuthenticationMethod] = [:]

    /// Nil when the text is not a list of scopes.
    mutating func scopes(_ text: String) -> ScopeSet? {
        if let known = scopes[text] { return known }
        scopes[text] = ScopeSet(text)
        return scopes[text]
    }

    mutating func resources(_ text: String) -> [ResourceURI]? {
        if let known = resources[text] { return known }
        resources[text] = Self.list(text) { ResourceURI($0) }
        return resources[text]
    }

    mutating func grants(_ text: String) -> Set<GrantType>? {
        if let known = grants[text] { return known }
        grants[text] = Self.list(text) { GrantType(name: $0) }.map { Set($0) }
        return grants[text]
    }

    mutating func clients(_ text: String) -> [ClientID]? {
        if let known = clients[text] { return known }
        clients[text] = Self.list(text) { ClientID($0) }
        return clients[text]
    }

    mutating func method(_ text: String) -> AuthenticationMethod {
        if let known = methods[text] { return known }
        let method = AuthenticationMethod(rawValue: text)
        methods[text] = method
        return method
    }

    /// Nil when one of the parts is not acceptable: a list that lost a part could mean more than the whole one.
    private static func list<Value>(_ text: String, _ parse: (String) -> Value?) -> [Value]? {
        var values: [Value] = []
        for part in text.split(separator: " ") {
            guard let value = parse(String(part)) else { return nil }
            values.append(value)
        }
        return values
    }

    static func text(_ resources: [ResourceURI]) -> String { resources.map(\.text).joined(separator: " ") }
    static func text(_ clients: [ClientID]) -> String { clients.map(\.text).joined(separator: " ") }
    static func text(_ grants: Set<GrantType>) -> String { grants.map(\.shortName).sorted().joined(separator: " ") }
}

extension ClientKeys {
    /// The columns `jwks` and `jwks_uri`.
    static func write(_ keys: ClientKeys?, to row: inout Arguments) {
        switch keys {
        case .set(_, let text)?:
            row.add(text)
            row.add(nil as String?)
        case .uri(let uri)?:
            row.add(nil as String?)
            row.add(uri)
        case nil:
            row.add(nil as String?)
            row.add(nil as String?)
        }
    }

    static func read(jwks: String?, uri: String?) throws -> ClientKeys? {
        guard let jwks else { return uri.map(ClientKeys.uri) }
        return .set(try JWKSet(json: try JSON(parsing: jwks)), text: jwks)
    }
}
