import JOSE
import OAuth

/// Lists in columns: scopes, resources and names lie there separated by spaces, for none of them can contain one.
///
/// Thousands of rows hold the same few lists. Each is parsed once, and the values share its memory.
struct SharedValues {
    private var scopes = Interned { ScopeSet($0) }
    private var resources = Interned { text in SharedValues.list(text) { ResourceURI($0) } }
    private var grants = Interned { text in SharedValues.list(text) { GrantType(name: $0) }.map { Set($0) } }
    private var clients = Interned { text in SharedValues.list(text) { ClientID($0) } }
    private var methods = Interned { AuthenticationMethod(rawValue: $0) }
    private var words: [(bytes: [UInt8], value: String)] = []

    /// Each of these is nil when the column's text is not a list of what the domain accepts.
    mutating func scopes(_ row: RowReader, _ column: Int32) -> ScopeSet? { scopes.value(row, column) }
    mutating func resources(_ row: RowReader, _ column: Int32) -> [ResourceURI]? { resources.value(row, column) }
    mutating func grants(_ row: RowReader, _ column: Int32) -> Set<GrantType>? { grants.value(row, column) }
    mutating func clients(_ row: RowReader, _ column: Int32) -> [ClientID]? { clients.value(row, column) }
    mutating func method(_ row: RowReader, _ column: Int32) -> AuthenticationMethod? { methods.value(row, column) }

    /// A text that many rows have in common, such as a purpose. Only the first few are shared.
    mutating func word(_ row: RowReader, _ column: Int32) -> String? {
        if let known = row.text(column, among: words) { return known }
        guard let text = row.optionalText(column) else { return nil }
        if words.count < 8 { words.append((Array(text.utf8), text)) }
        return text
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

/// Values that were parsed from the same text.
private struct Interned<Value> {
    private let parse: (String) -> Value?
    /// The first few are found by comparing bytes, before a text is even made.
    private var first: [(bytes: [UInt8], value: Value)] = []
    private var others: [String: Value] = [:]

    private static var fewAtMost: Int { 8 }

    init(_ parse: @escaping (String) -> Value?) { self.parse = parse }

    mutating func value(_ row: RowReader, _ column: Int32) -> Value? {
        if let known = row.text(column, among: first) { return known }
        let text = row.text(column)
        if let known = others[text] { return known }
        guard let value = parse(text) else { return nil }
        if first.count < Self.fewAtMost { first.append((Array(text.utf8), value)) } else { others[text] = value }
        return value
    }
}

extension ClientKeys {
    /// In front of the name of a file in the column of addresses. No address that is fetched begins so.
    private static let filePrefix = "file:"

    /// The columns `jwks` and `jwks_uri`.
    static func write(_ keys: ClientKeys?, to row: inout Arguments) {
        switch keys {
        case .set(_, let text)?:
            row.add(text)
            row.add(nil as String?)
        case .uri(let uri)?:
            row.add(nil as String?)
            row.add(uri)
        case .file(let file)?:
            row.add(nil as String?)
            row.add(filePrefix + file.text)
        case nil:
            row.add(nil as String?)
            row.add(nil as String?)
        }
    }

    static func read(jwks: String?, uri: String?) throws -> ClientKeys? {
        guard let jwks else {
            guard let uri else { return nil }
            guard uri.hasPrefix(filePrefix) else { return .uri(uri) }
            return TrustFile(String(uri.dropFirst(filePrefix.count))).map(ClientKeys.file)
        }
        return .set(try JWKSet(json: try JSON(parsing: jwks)), text: jwks)
    }
}
