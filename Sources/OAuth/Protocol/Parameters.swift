import JOSE

/// The parameters of one `application/x-www-form-urlencoded` request, decoded once and strictly.
///
/// A repeated parameter is an error unless its own RFC lets it repeat (`resource`, `audience`); an empty value counts
/// as absent (OAuth 2.1 section 3.2).
package struct Parameters: Sendable {
    /// A parameter's name, spelled once. An open set.
    package struct Name: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let grantType = Name(rawValue: "grant_type")
        package static let clientID = Name(rawValue: "client_id")
        package static let clientSecret = Name(rawValue: "client_secret")
        package static let clientAssertion = Name(rawValue: "client_assertion")
        package static let clientAssertionType = Name(rawValue: "client_assertion_type")
        package static let scope = Name(rawValue: "scope")
        package static let resource = Name(rawValue: "resource")
        package static let audience = Name(rawValue: "audience")
        package static let subjectToken = Name(rawValue: "subject_token")
        package static let subjectTokenType = Name(rawValue: "subject_token_type")
        package static let actorToken = Name(rawValue: "actor_token")
        package static let actorTokenType = Name(rawValue: "actor_token_type")
        package static let requestedTokenType = Name(rawValue: "requested_token_type")
        package static let authorizationDetails = Name(rawValue: "authorization_details")
        package static let token = Name(rawValue: "token")
        package static let delegationID = Name(rawValue: "delegation_id")
        package static let agentID = Name(rawValue: "agent_id")
        package static let taskID = Name(rawValue: "task_id")
        package static let sessionID = Name(rawValue: "session_id")
        package static let reason = Name(rawValue: "reason")
        package static let grace = Name(rawValue: "grace")

        static let repeatable: Set<String> = [resource.rawValue, audience.rawValue]
    }

    private var pairs: [(name: String, value: String)] = []

    /// More than any honest request has; fewer than would cost anything.
    package static let maximumCount = 128

    /// Of a request that has no form.
    package static let empty = Parameters()

    private init() {}

    package init(form body: [UInt8]) throws(OAuthError) {
        pairs.reserveCapacity(8)
        var start = 0
        while start < body.count {
            var end = start
            var equals: Int?
            while end < body.count, body[end] != UInt8(ascii: "&") {
                if equals == nil, body[end] == UInt8(ascii: "=") { equals = end }
                end += 1
            }
            if end > start {
                guard pairs.count < Self.maximumCount else {
                    throw OAuthError(.invalidRequest, "too many parameters: at most \(Self.maximumCount)")
                }
                let name = try Self.decode(body[start..<(equals ?? end)])
                let value = try equals.map { at throws(OAuthError) in try Self.decode(body[(at + 1)..<end]) } ?? ""
                if pairs.contains(where: { $0.name == name }), !Name.repeatable.contains(name) {
                    throw OAuthError(.invalidRequest, "parameter appears more than once: \(name.prefix(64))")
                }
                pairs.append((name, value))
            }
            start = end + 1
        }
    }

    /// The value, or nil when absent or empty.
    package subscript(_ name: Name) -> String? {
        for pair in pairs where pair.name == name.rawValue { return pair.value.isEmpty ? nil : pair.value }
        return nil
    }

    /// All non-empty values of a parameter that may repeat.
    package func all(_ name: Name) -> [String] {
        pairs.compactMap { $0.name == name.rawValue && !$0.value.isEmpty ? $0.value : nil }
    }

    /// The value, or `invalid_request` naming what is missing.
    package func required(_ name: Name) throws(OAuthError) -> String {
        guard let value = self[name] else {
            throw OAuthError(.invalidRequest, "parameter is missing or empty: \(name.rawValue)")
        }
        return value
    }

    package var isEmpty: Bool { pairs.isEmpty }

    /// Decodes `+` and percent escapes. Bad escapes, NUL and bytes that are not UTF-8 are refused, never replaced.
    package static func decode(_ bytes: ArraySlice<UInt8>) throws(OAuthError) -> String {
        guard bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") || $0 == 0 }) else {
            return try text(bytes.span)
        }
        var plain: [UInt8] = []
        plain.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            switch bytes[index] {
            case UInt8(ascii: "+"): plain.append(0x20)
            case UInt8(ascii: "%"):
                guard index + 2 < bytes.endIndex, let high = HexDigit.value(of: bytes[index + 1]),
                    let low = HexDigit.value(of: bytes[index + 2])
                else {
                    throw OAuthError(.invalidRequest, "the form has a broken percent escape")
                }
                plain.append(high << 4 | low)
                index += 2
            case let byte: plain.append(byte)
            }
            index += 1
        }
        guard !plain.contains(0) else {
            throw OAuthError(.invalidRequest, "the form has a NUL character (%00): no parameter may have one")
        }
        return try text(plain.span)
    }

    private static func text(_ bytes: Span<UInt8>) throws(OAuthError) -> String {
        do {
            return String(copying: try UTF8Span(validating: bytes))
        } catch {
            throw notText
        }
    }

    private static var notText: OAuthError { OAuthError(.invalidRequest, "the form is not valid UTF-8 text") }
}
