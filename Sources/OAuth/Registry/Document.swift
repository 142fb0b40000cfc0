import JOSE

/// One thing wrong with a document: which member, why, and what would be accepted.
package struct FieldError: Error, Sendable, Equatable {
    package let field: String
    package let detail: String

    package init(_ field: String, _ detail: String) {
        self.field = field
        self.detail = detail
    }
}

/// A document that was refused. All its mistakes at once, so that a person mends them in one go.
package struct InvalidDocument: Error, Sendable, Equatable {
    package let errors: [FieldError]

    package init(_ errors: [FieldError]) { self.errors = errors }
    package init(_ field: String, _ detail: String) { errors = [FieldError(field, detail)] }
}

/// Reads the members of a JSON document one by one and gathers what is wrong with them.
///
/// A reader that finishes without having been asked for a member refuses that member: unknown means unwanted.
struct DocumentReader {
    private let object: JSONObject
    private var seen: Set<String> = []
    private(set) var errors: [FieldError] = []

    init(_ object: JSONObject) { self.object = object }

    mutating func refuse(_ field: String, _ detail: String) { errors.append(FieldError(field, detail)) }

    /// The member, or nil when absent or null.
    mutating func value(_ field: String) -> JSON? {
        seen.insert(field)
        guard let value = object[field], !value.isNull else { return nil }
        return value
    }

    /// Human text: printable, at most `limit` bytes.
    mutating func text(_ field: String, limit: Int = 256) -> String? {
        guard let value = value(field) else { return nil }
        guard let text = value.string, !text.isEmpty, text.utf8.count <= limit, text.isPrintable else {
            refuse(field, "must be a text of 1 to \(limit) bytes without control characters")
            return nil
        }
        return text
    }

    /// A text that `parse` turns into a value; `expectation` says what would be accepted.
    mutating func parsed<Value>(_ field: String, _ expectation: String, _ parse: (String) -> Value?) -> Value? {
        guard let value = value(field) else { return nil }
        guard let text = value.string, let result = parse(text) else {
            refuse(field, "must be \(expectation)")
            return nil
        }
        return result
    }

    mutating func required<Value>(_ field: String, _ value: Value?) -> Value? {
        if value == nil, !errors.contains(where: { $0.field == field }) { refuse(field, "is required") }
        return value
    }

    mutating func bool(_ field: String, default fallback: Bool) -> Bool {
        guard let value = value(field) else { return fallback }
        guard let bool = value.bool else {
            refuse(field, "must be true or false")
            return fallback
        }
        return bool
    }

    /// Whole seconds within `range`.
    mutating func seconds(_ field: String, in range: ClosedRange<Int>) -> Int? { whole("seconds", field, in: range) }

    /// A number of bytes within `range`.
    mutating func bytes(_ field: String, in range: ClosedRange<Int>) -> Int? { whole("bytes", field, in: range) }

    private mutating func whole(_ unit: String, _ field: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = value(field) else { return nil }
        guard let integer = value.integer, let number = Int(exactly: integer), range.contains(number) else {
            refuse(field, "must be whole \(unit) from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// A list of texts that `parse` turns into values; absent is the empty list.
    mutating func list<Value>(
        _ field: String, _ expectation: String, limit: Int = 256, _ parse: (String) -> Value?
    ) -> [Value] {
        guard let value = value(field) else { return [] }
        guard let items = value.array, items.count <= limit else {
            refuse(field, "must be a list of at most \(limit) entries")
            return []
        }
        var values: [Value] = []
        for item in items {
            guard let text = item.string, let value = parse(text) else {
                refuse(field, "each entry must be \(expectation)")
                return []
            }
            values.append(value)
        }
        return values
    }

    mutating func scopes(_ field: String) -> ScopeSet {
        let tokens = list(field, "a scope token without spaces", limit: ScopeSet.maximumCount) { $0 }
        guard let scopes = ScopeSet(tokens) else {
            refuse(field, "each entry must be a scope token: printable ASCII without space, quote or backslash")
            return .empty
        }
        return scopes
    }

    mutating func resources(_ field: String) -> [ResourceURI] {
        list(field, "an absolute https URI without fragment (http only on loopback)") { ResourceURI($0) }
    }

    /// A list of small objects; each is read by a reader of its own whose errors are named `FIELD[INDEX].MEMBER`.
    mutating func objects<Value>(
        _ field: String, limit: Int = 256, _ read: (inout DocumentReader) -> Value?
    ) -> [Value] {
        guard let value = value(field) else { return [] }
        guard let items = value.array, items.count <= limit else {
            refuse(field, "must be a list of at most \(limit) objects")
            return []
        }
        var values: [Value] = []
        for (index, item) in items.enumerated() {
            guard let object = item.object else {
                refuse("\(field)[\(index)]", "must be an object")
                continue
            }
            var reader = DocumentReader(object)
            let value = read(&reader)
            reader.refuseUnread()
            errors += reader.errors.map { FieldError("\(field)[\(index)].\($0.field)", $0.detail) }
            if let value, reader.errors.isEmpty { values.append(value) }
        }
        return values
    }

    /// A small object, read by a reader of its own whose errors are named `FIELD.MEMBER`.
    mutating func object<Value>(_ field: String, _ read: (inout DocumentReader) -> Value?) -> Value? {
        guard let value = value(field) else { return nil }
        guard let object = value.object else {
            refuse(field, "must be an object")
            return nil
        }
        var reader = DocumentReader(object)
        let result = read(&reader)
        reader.refuseUnread()
        errors += reader.errors.map { FieldError("\(field).\($0.field)", $0.detail) }
        return reader.errors.isEmpty ? result : nil
    }

    /// Refuses a member that must keep its value; sending the same value again is harmless.
    mutating func unchangeable(_ field: String, is current: JSON) {
        guard let value = value(field) else { return }
        if value != current { refuse(field, "cannot be changed after creation") }
    }

    private mutating func refuseUnread() {
        for member in object.members where !seen.contains(member.name) {
            refuse(member.name, "is not a member that can be set here")
        }
    }

    /// Throws everything that was found wrong.
    mutating func finish() throws(InvalidDocument) {
        refuseUnread()
        if !errors.isEmpty { throw InvalidDocument(errors) }
    }
}

extension JSON {
    static func texts(_ items: some Sequence<String>) -> JSON { .array(items.map(JSON.string)) }
    static func text(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }
    static func seconds(_ seconds: Int?) -> JSON { seconds.map { .integer(Int64($0)) } ?? .null }
    static func time(_ time: Timestamp?) -> JSON { time.map { .string(RFC3339.text($0)) } ?? .null }
}
