/// What an `Authorization` header says to a bearer-protected resource (RFC 6750 section 2.1).
package enum BearerCredentials: Sendable, Equatable {
    /// No header, or one of another scheme: whoever sent it does not know yet what is wanted (section 3.1).
    case absent
    /// `Bearer` and one token.
    case token(String)
    /// `Bearer`, and then something else than one token.
    case malformed

    package init(_ header: String?) {
        guard let header else {
            self = .absent
            return
        }
        // By bytes: the scheme is ASCII, and one space stands between the two.
        let parts = header.utf8.split(separator: 0x20, omittingEmptySubsequences: false)
        guard let scheme = parts.first, Self.isBearer(scheme) else {
            self = .absent
            return
        }
        guard parts.count == 2, let token = parts.last, !token.isEmpty else {
            self = .malformed
            return
        }
        self = .token(String(Substring(token)))
    }

    /// The scheme in any case of letters (RFC 9110 section 11.1).
    private static func isBearer(_ scheme: Substring.UTF8View) -> Bool {
        scheme.elementsEqual("bearer".utf8) { byte, letter in byte | 0x20 == letter }
    }
}
