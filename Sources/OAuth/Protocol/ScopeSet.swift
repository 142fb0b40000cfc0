/// A set of scope tokens (RFC 6749 section 3.3), kept in the order given and without repetition.
///
/// Empty means nothing: no operation here reads an empty set as "everything".
package struct ScopeSet: Hashable, Sendable, CustomStringConvertible {
    /// Distinct tokens, at most `maximumCount`.
    package private(set) var tokens: [String]

    package static let maximumCount = 256
    private static let longestToken = 256
    private static let longestText = 16_384
    /// What a text must be, for the answer to anything else.
    package static let expectation =
        "must be space-separated tokens of printable ASCII: at most \(maximumCount), each of at most \(longestToken) "
        + "bytes, and \(longestText) bytes in all"
    package static let empty = ScopeSet(unchecked: [])

    /// Nil when a token is not `1*( %x21 / %x23-5B / %x5D-7E )`, is too long, or there are too many.
    package init?(_ tokens: [String]) {
        guard tokens.count <= Self.maximumCount else { return nil }
        var distinct: [String] = []
        distinct.reserveCapacity(tokens.count)
        for token in tokens {
            guard Self.isToken(token) else { return nil }
            if !distinct.contains(token) { distinct.append(token) }
        }
        self.tokens = distinct
    }

    /// A space-separated list as it stands in requests and tokens.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.longestText else { return nil }
        // One scope, as most requests have.
        if Self.isToken(text) { self.init(unchecked: [text]); return }
        // By bytes: a scope is ASCII, and what is not is refused token by token.
        self.init(text.utf8.split(separator: 0x20).map { String(Substring($0)) })
    }

    private init(unchecked tokens: [String]) { self.tokens = tokens }

    package var isEmpty: Bool { tokens.isEmpty }
    package var description: String { tokens.count == 1 ? tokens[0] : tokens.joined(separator: " ") }

    package func contains(_ token: String) -> Bool { tokens.contains(token) }
    package func isSubset(of other: ScopeSet) -> Bool { tokens.allSatisfy(other.contains) }
    package func intersection(_ other: ScopeSet) -> ScopeSet { ScopeSet(unchecked: tokens.filter(other.contains)) }
    package func subtracting(_ other: ScopeSet) -> ScopeSet {
        ScopeSet(unchecked: tokens.filter { !other.contains($0) })
    }
    package func union(_ other: ScopeSet) -> ScopeSet {
        ScopeSet(unchecked: tokens + other.tokens.filter { !contains($0) })
    }

    /// Order does not matter (RFC 6749 section 3.3).
    package static func == (left: ScopeSet, right: ScopeSet) -> Bool {
        left.tokens.count == right.tokens.count && left.isSubset(of: right)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(Set(tokens)) }

    private static func isToken(_ token: String) -> Bool {
        (1...longestToken).contains(token.utf8.count)
            && token.utf8.allSatisfy { $0 == 0x21 || (0x23...0x5B).contains($0) || (0x5D...0x7E).contains($0) }
    }
}
