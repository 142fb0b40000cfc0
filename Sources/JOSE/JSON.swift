/// A JSON value (RFC 8259).
///
/// Objects keep the order of their members, so that a document that an operator wrote comes back as it was written.
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Any number that is not written as an integer, or does not fit one. One that is not finite is written as null.
    case number(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

extension JSON {
    /// Reads one JSON text and nothing after it.
    ///
    /// Stricter than RFC 8259 requires: see `JSONParser`.
    package init(parsing bytes: [UInt8], limits: JSONLimits = .default) throws(JSONError) {
        var parser = JSONParser(bytes, limits: limits)
        self = try parser.document()
    }

    /// Reads one JSON text and nothing after it, within the default limits.
    package init(parsing text: String) throws(JSONError) {
        try self.init(parsing: Array(text.utf8))
    }

    /// The value as JSON in UTF-8, without white space.
    package var serialized: [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.value(json: self)
        return writer.bytes
    }

    /// The value as JSON, without white space.
    package var text: String {
        String(decoding: serialized, as: UTF8.self)
    }

    /// The value as JSON for people: one member or element a line, two spaces a level, no newline at the end.
    package func pretty() -> String {
        var writer = JSONWriter(capacity: 512)
        writer.pretty(self, level: 0)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension JSON {
    package var isNull: Bool { self == .null }

    /// The text, or nil when this is not a string.
    package var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The integer, or nil when this is anything else; a number with a fraction or exponent is not an integer here.
    package var integer: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// The truth value, or nil when this is anything else.
    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The elements, or nil when this is not an array.
    package var array: [JSON]? {
        guard case .array(let value) = self else { return nil }
        return value
    }

    /// The members, or nil when this is not an object.
    package var object: JSONObject? {
        guard case .object(let value) = self else { return nil }
        return value
    }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// When a name is given twice, the last value counts.
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
}
