/// What an `Authorization` header says to a resource that takes access tokens (RFC 6750 section 2.1, RFC 9449 section
/// 7.1).
package enum BearerCredentials: Sendable, Equatable {
    /// No header, or one of another scheme: whoever sent it does not know yet what is wanted (section 3.1).
    case absent
    /// `Bearer` and one token.
    case token(String)
    /// `DPoP` and one token: whoever sent it has to prove that it holds the token's key.
    case dpop(String)
    /// `Bearer` or `DPoP`, and then something else than one token.
    case malformed

    package init(_ header: String?) {
        guard let header else {
            self = .absent
            return
        }
        // By bytes: the scheme is ASCII, and one space stands between the two.
        let parts = header.utf8.split(separator: 0x20, omittingEmptySubsequences: false)
        guard let scheme = parts.first, Self.isNamed(scheme, "bearer") || Self.isNamed(scheme, "dpop") else {
            self = .absent
            return
        }
        guard parts.count == 2, let token = parts.last, !token.isEmpty else {
            self = .malformed
            return
        }
        let text = String(Substring(token))
        self = Self.isNamed(scheme, "dpop") ? .dpop(text) : .token(text)
    }

    /// The token, under whichever scheme it came.
    package var token: String? {
        switch self {
        case .token(let text), .dpop(let text): text
        case .absent, .malformed: nil
        }
    }

    /// The scheme in any case of letters (RFC 9110 section 11.1).
    private static func isNamed(_ scheme: Substring.UTF8View, _ name: String) -> Bool {
        scheme.elementsEqual(name.utf8) { byte, letter in byte | 0x20 == letter }
    }
}
