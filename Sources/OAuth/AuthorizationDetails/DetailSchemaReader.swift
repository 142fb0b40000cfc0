import JOSE

/// Reads a JSON Schema into a `DetailSchema` and gathers what is wrong with it, each mistake with its path.
struct DetailSchemaReader {
    private(set) var errors: [FieldError] = []
    private var schemasLeft = DetailLimits.schemas

    /// The types that there are, with the keywords that each understands beside those of all.
    private enum ValueType: String, CaseIterable {
        case object, array, string, integer, number, boolean

        var keywords: [String] {
            switch self {
            case .object: ["properties", "required", "additionalProperties"]
            case .array: ["items", "minItems", "maxItems", "uniqueItems"]
            case .string: ["minLength", "maxLength", "enum", "const"]
            case .integer, .number: ["minimum", "maximum", "enum", "const"]
            case .boolean: ["enum", "const"]
            }
        }

        var narrowings: [DetailSchema.Narrowing] {
            switch self {
            case .object: [.pin]
            case .array: [.equal, .subset, .pin]
            case .string, .boolean: [.equal, .pin]
            case .integer, .number: [.equal, .max, .min, .pin]
            }
        }
    }

    private static let common = ["type", "title", "description", narrows]
    private static let narrows = "x-legate-narrows"
    private static let dialect = "https://json-schema.org/draft/2020-12/schema"
    /// Of what is told at once.
    private static let mistakesAtMost = 16

    /// The schema of a whole type: an object without the members that every type has.
    mutating func type(_ json: JSON, at path: String) -> DetailSchema? {
        guard var root = json.object else {
            refuse(path, "must be an object: a JSON Schema")
            return nil
        }
        if let dialect = root["$schema"] {
            if dialect.string != Self.dialect { refuse("\(path).$schema", "must be \(Self.dialect)") }
            root["$schema"] = nil
        }
        if root["type"]?.string != "object" { refuse("\(path).type", "must be object: a detail is one") }
        if root[Self.narrows] != nil { refuse("\(path).\(Self.narrows)", "has no place here: say it of each property") }
        for name in AuthorizationDetails.ownMembers where root["properties"]?.object?[name] != nil {
            refuse("\(path).properties.\(name)", "is a member of every type (RFC 9396 section 2): leave it out")
        }
        return schema(.object(root), at: path, depth: 1, narrows: true)
    }

    private mutating func refuse(_ path: String, _ reason: String) {
        guard errors.count < Self.mistakesAtMost else { return }
        errors.append(FieldError(String(path.prefix(512)), reason))
    }

    /// - Parameter narrows: whether an annotation here can have an effect: not inside a list that narrows as a whole.
    private mutating func schema(_ json: JSON, at path: String, depth: Int, narrows: Bool) -> DetailSchema? {
        guard let object = json.object else {
            refuse(path, "must be an object: a JSON Schema")
            return nil
        }
        guard depth <= DetailLimits.schemaDepth, schemasLeft > 0 else {
            refuse(path, "is too much: at most \(DetailLimits.schemaDepth) levels and \(DetailLimits.schemas) schemas")
            return nil
        }
        schemasLeft -= 1
        guard let type = object["type"]?.string.flatMap({ ValueType(rawValue: $0) }) else {
            refuse("\(path).type", "must be one of " + ValueType.allCases.map(\.rawValue).joined(separator: ", "))
            return nil
        }
        let keywords = Self.common + type.keywords
        for member in object.members where !keywords.contains(member.name) {
            refuse("\(path).\(member.name.prefix(64))", Self.reason(against: member.name, of: type.rawValue))
        }
        for name in ["title", "description"] {
            guard let value = object[name] else { continue }
            if value.string.map({ $0.utf8.count <= 1024 && $0.isPrintable }) != true {
                refuse("\(path).\(name)", "must be a text of at most 1024 bytes without control characters")
            }
        }
        let narrowing = self.narrowing(of: object, type, at: path, hasEffect: narrows)
        guard let kind = kind(type, object, at: path, depth: depth, narrowing, narrows: narrows) else { return nil }
        let plain = DetailSchema(kind)
        return DetailSchema(kind, choices: choices(of: object, for: plain, at: path), narrowing: narrowing)
    }

    private static func reason(against keyword: String, of type: String) -> String {
        switch keyword {
        case "pattern", "patternProperties", "format":
            return "is not understood: there are no regular expressions here; use enum, const or maxLength"
        case let name where ValueType.allCases.contains { $0.keywords.contains(name) }:
            return "says nothing about the type \(type)"
        default: return "is not a keyword that is understood here"
        }
    }

    private mutating func kind(
        _ type: ValueType, _ object: JSONObject, at path: String, depth: Int, _ narrowing: DetailSchema.Narrowing,
        narrows: Bool
    ) -> DetailSchema.Kind? {
        switch type {
        case .object: return members(of: object, at: path, depth: depth, narrows: narrows)
        case .array:
            let count = range(of: object, "minItems", "maxItems", within: 0...DetailLimits.items, at: path)
            if narrowing == .subset, count.lowerBound == 0 {
                refuse("\(path).minItems", "must be at least 1 where a list narrows to a subset: empty could mean all")
            }
            let unique = bool("uniqueItems", of: object, at: path)
            guard let json = object["items"] else {
                refuse("\(path).items", "is required")
                return nil
            }
            let inner = narrows && narrowing == .subset
            guard let items = schema(json, at: "\(path).items", depth: depth + 1, narrows: inner) else { return nil }
            return .array(of: items, count: count, unique: unique)
        case .string:
            return .string(count: range(of: object, "minLength", "maxLength", within: 0...DetailLimits.text, at: path))
        case .integer, .number:
            return .number(bounds(of: object, wholeOnly: type == .integer, at: path), wholeOnly: type == .integer)
        case .boolean: return .boolean
        }
    }

    private mutating func members(
        of object: JSONObject, at path: String, depth: Int, narrows: Bool
    ) -> DetailSchema.Kind? {
        if let additional = object["additionalProperties"], additional.bool != false {
            refuse("\(path).additionalProperties", "can only be false, as it is without saying so")
        }
        guard let properties = object["properties"]?.object, properties.count <= DetailLimits.properties else {
            refuse("\(path).properties", "is required: an object of at most \(DetailLimits.properties) schemas")
            return nil
        }
        var required: [String] = []
        for name in object["required"]?.array ?? [] {
            guard let name = name.string, properties[name] != nil, !required.contains(name) else {
                refuse("\(path).required", "must list names of properties, each once")
                break
            }
            required.append(name)
        }
        if let list = object["required"], list.array == nil { refuse("\(path).required", "must be a list of names") }
        var read: [DetailSchema.Property] = []
        for member in properties.members {
            let inner = "\(path).properties.\(member.name.prefix(64))"
            guard AuthorizationDetails.isName(member.name) else {
                refuse(
                    inner, "is no name: 1 to \(DetailLimits.name) visible ASCII characters without quote or backslash")
                continue
            }
            guard let schema = schema(member.value, at: inner, depth: depth + 1, narrows: narrows) else { continue }
            let isRequired = required.contains { $0.utf8.elementsEqual(member.name.utf8) }
            read.append(DetailSchema.Property(name: member.name, isRequired: isRequired, schema: schema))
        }
        return .object(read)
    }

    private mutating func narrowing(
        of object: JSONObject, _ type: ValueType, at path: String, hasEffect: Bool
    ) -> DetailSchema.Narrowing {
        guard let value = object[Self.narrows] else { return .equal }
        guard hasEffect else {
            refuse("\(path).\(Self.narrows)", "has no effect inside a list that does not narrow to a subset")
            return .equal
        }
        guard let narrowing = value.string.flatMap({ DetailSchema.Narrowing(rawValue: $0) }),
            type.narrowings.contains(narrowing)
        else {
            let words = type.narrowings.map(\.rawValue).joined(separator: ", ")
            refuse("\(path).\(Self.narrows)", "must be one of \(words) for the type \(type.rawValue)")
            return .equal
        }
        return narrowing
    }

    /// The values of `enum` or `const`, which must be of the type themselves.
    private mutating func choices(of object: JSONObject, for schema: DetailSchema, at path: String) -> [JSON]? {
        if object["enum"] != nil, object["const"] != nil {
            refuse("\(path).const", "cannot be given together with enum")
        }
        let name = object["const"] == nil ? "enum" : "const"
        let listed = object["const"].map { [$0] } ?? object["enum"].map { $0.array ?? [] }
        guard let listed else { return nil }
        guard (1...DetailLimits.choices).contains(listed.count), !DetailSchema.hasRepetition(listed) else {
            refuse("\(path).\(name)", "must be a list of 1 to \(DetailLimits.choices) different values")
            return []
        }
        for value in listed {
            do throws(DetailFault) {
                try schema.check(value, at: "\(path).\(name)")
            } catch {
                refuse("\(path).\(name)", "has a value that the type does not allow: \(error.reason)")
                return []
            }
        }
        return listed
    }

    private mutating func range(
        of object: JSONObject, _ least: String, _ most: String, within limits: ClosedRange<Int>, at path: String
    ) -> ClosedRange<Int> {
        func bound(_ name: String, _ fallback: Int) -> Int {
            guard let value = object[name] else { return fallback }
            guard let integer = value.integer, let number = Int(exactly: integer), limits.contains(number) else {
                refuse("\(path).\(name)", "must be an integer from \(limits.lowerBound) to \(limits.upperBound)")
                return fallback
            }
            return number
        }
        let lower = bound(least, limits.lowerBound)
        let upper = bound(most, limits.upperBound)
        guard lower <= upper else {
            refuse("\(path).\(least)", "must not be more than \(most)")
            return limits
        }
        return lower...upper
    }

    private mutating func bounds(of object: JSONObject, wholeOnly: Bool, at path: String) -> ClosedRange<Double> {
        let greatest = DetailLimits.greatestNumber
        func bound(_ name: String, _ fallback: Double) -> Double {
            guard let value = object[name] else { return fallback }
            guard let number = value.exactNumber, !wholeOnly || value.integer != nil else {
                let what = wholeOnly ? "a whole number" : "a number that is exact"
                refuse("\(path).\(name)", "must be \(what): at most 9007199254740991 from zero")
                return fallback
            }
            return number
        }
        let lower = bound("minimum", -greatest)
        let upper = bound("maximum", greatest)
        guard lower <= upper else {
            refuse("\(path).minimum", "must not be more than maximum")
            return -greatest...greatest
        }
        return lower...upper
    }

    private mutating func bool(_ name: String, of object: JSONObject, at path: String) -> Bool {
        guard let value = object[name] else { return false }
        guard let bool = value.bool else {
            refuse("\(path).\(name)", "must be true or false")
            return false
        }
        return bool
    }
}
