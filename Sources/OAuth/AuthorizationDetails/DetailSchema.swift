import JOSE

/// What one value of an authorization detail may be, and how it may be narrowed: a strict subset of JSON Schema
/// 2020-12.
///
/// A schema is read when its resource is registered, and everything that the subset does not have is refused there. So
/// a request is only ever compared with rules that are all understood. There are no references and no regular
/// expressions: the time of a check is bounded by the size of the value.
package struct DetailSchema: Sendable {
    /// One type, with the keywords that belong to it.
    indirect enum Kind: Sendable {
        case object([Property])
        case array(of: DetailSchema, count: ClosedRange<Int>, unique: Bool)
        /// Unicode scalars, as JSON Schema counts.
        case string(count: ClosedRange<Int>)
        /// Bounds within which every integer is exact as a `Double`.
        case number(ClosedRange<Double>, wholeOnly: Bool)
        case boolean
    }

    struct Property: Sendable {
        let name: String
        let isRequired: Bool
        let schema: DetailSchema
    }

    /// How a value may differ from the one above it, in the keyword `x-legate-narrows`. An object narrows member by
    /// member; where nothing is said, nothing may differ.
    enum Narrowing: String, Sendable, CaseIterable {
        /// The same value.
        case equal
        /// A number that is not greater: the value above is a ceiling.
        case max
        /// A number that is not smaller: the value above is a floor.
        case min
        /// A list whose elements are all covered by elements above.
        case subset
        /// Free as long as nobody above has set it; from then on the same.
        case pin
    }

    let kind: Kind
    /// `enum` or `const`: the only values. Nil when any of the kind will do.
    let choices: [JSON]?
    let narrowing: Narrowing

    init(_ kind: Kind, choices: [JSON]? = nil, narrowing: Narrowing = .equal) {
        self.kind = kind
        self.choices = choices
        self.narrowing = narrowing
    }
}

/// How large schemas and details may be, so that neither costs much to keep, to check or to carry in a token.
enum DetailLimits {
    /// Schemas inside one another.
    static let schemaDepth = 6
    /// Schemas in one type, counted with all inside.
    static let schemas = 256
    static let properties = 64
    static let choices = 128
    /// Elements of one list.
    static let items = 256
    /// Unicode scalars of one text.
    static let text = 1024
    /// Bytes of a name: of a type, of a property.
    static let name = 128
    /// Types of one resource.
    static let types = 16
    /// Objects in one request, and in one token.
    static let objects = 16
    /// Objects that are registered with a client, a delegation or a rule.
    static let registeredObjects = 32
    /// Bytes of the parameter as it is sent.
    static let requestBytes = 8192
    /// Bytes of the details of a token, as JSON without white space.
    static let grantedBytes = 4096
    /// Bytes of what is registered with a client, a delegation or a rule.
    static let registeredBytes = 16_384
    /// The greatest integer up to which every one is exact as a `Double` (RFC 7493 section 2.2).
    static let greatestNumber = 9_007_199_254_740_991.0
    /// Of a request: the list, its objects, and what `schemaDepth` allows inside.
    static let request = JSONLimits(depth: schemaDepth + 1, values: 2048)
}
