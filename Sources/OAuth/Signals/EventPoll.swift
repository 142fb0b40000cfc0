package import JOSE

/// One poll (RFC 8936 section 2.2): what the receiver has taken or refused, and how much more it wants.
package struct EventPollRequest: Sendable, Equatable {
    /// None is a poll that only acknowledges.
    package let maxEvents: Int
    package let returnImmediately: Bool
    package let acknowledged: [String]
    /// `jti` and the `err` that the receiver gave.
    package let refused: [(jti: String, code: String)]

    package static let mostEvents = 100
    /// Names in one request, which its size bounds anyway.
    private static let mostNames = 4096

    /// Reads the body of a poll. Unknown members are ignored, as the standard wants it.
    ///
    /// - Throws: `invalid_request`.
    package init(_ document: JSONObject) throws(OAuthError) {
        maxEvents = min(try Self.count(document["maxEvents"]) ?? Self.mostEvents, Self.mostEvents)
        switch document["returnImmediately"] {
        case nil: returnImmediately = false
        case .bool(let value)?: returnImmediately = value
        default: throw OAuthError(.invalidRequest, "returnImmediately must be true or false")
        }
        acknowledged = try Self.names(document["ack"])
        refused = try Self.refusals(document["setErrs"])
    }

    private static func count(_ member: JSON?) throws(OAuthError) -> Int? {
        guard let member else { return nil }
        guard let number = member.integer, number >= 0 else {
            throw OAuthError(.invalidRequest, "maxEvents must be a number of at least 0")
        }
        return Int(clamping: number)
    }

    private static func names(_ member: JSON?) throws(OAuthError) -> [String] {
        guard let member else { return [] }
        guard let items = member.array, items.count <= mostNames,
            case let names = items.compactMap(\.string), names.count == items.count
        else { throw OAuthError(.invalidRequest, "ack must be a list of jti") }
        return names
    }

    private static func refusals(_ member: JSON?) throws(OAuthError) -> [(jti: String, code: String)] {
        guard let member else { return [] }
        guard let object = member.object, object.count <= mostNames,
            object.members.allSatisfy({ $0.value.object != nil })
        else { throw OAuthError(.invalidRequest, "setErrs must be an object with an object for each jti") }
        return object.members.map { (jti: $0.name, code: PushAnswer.code(of: $0.value.object) ?? "without a code") }
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.maxEvents == right.maxEvents && left.returnImmediately == right.returnImmediately
            && left.acknowledged == right.acknowledged
            && left.refused.elementsEqual(right.refused) { $0.jti == $1.jti && $0.code == $1.code }
    }
}

extension PushAnswer {
    /// The code of a refusal, when it is a plain word: it goes into records.
    package static func code(of document: JSONObject?) -> String? {
        guard let code = document?["err"]?.string, code.consists(of: .clientChosenName, count: 1...64) else {
            return nil
        }
        return code
    }
}
