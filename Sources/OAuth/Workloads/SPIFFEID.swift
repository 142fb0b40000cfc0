/// The name of a SPIFFE trust domain, without `spiffe://` (SPIFFE-ID section 2.1): 1–255 characters of `[a-z0-9._-]`.
package struct TrustDomain: Identifier {
    package let text: String

    /// Nil when the text is not the name of a trust domain. Capitals are refused, not folded.
    package init?(_ text: String) {
        guard text.consists(of: .trustDomain, count: 1...255) else { return nil }
        self.text = text
    }

    /// Nil unless the text is `spiffe://` and the name of a trust domain, and nothing behind it.
    package init?(uri text: String) {
        guard text.hasPrefix(SPIFFEID.scheme) else { return nil }
        self.init(String(text.dropFirst(SPIFFEID.scheme.count)))
    }

    /// The SPIFFE ID of the trust domain itself, `spiffe://NAME`.
    package var uri: String { SPIFFEID.scheme + text }
}

/// The name of a workload: `spiffe://TRUST-DOMAIN/PATH` (SPIFFE-ID section 2).
///
/// Read as strictly as the specification allows, so that two texts never name one workload: no percent escapes, no
/// empty or dotted segments, no slash at the end, no port, query or fragment, lower case where case does not matter.
package struct SPIFFEID: Identifier {
    package let text: String
    package let trustDomain: TrustDomain
    /// From the first slash on; empty when the text names the trust domain itself.
    package let path: String

    static let scheme = "spiffe://"
    /// Bytes (SPIFFE-ID section 2.3).
    static let longest = 2048

    /// Nil when the text is not a SPIFFE ID.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.longest, text.hasPrefix(Self.scheme) else { return nil }
        let rest = text.dropFirst(Self.scheme.count)
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let trustDomain = TrustDomain(String(rest[..<end])) else { return nil }
        let path = String(rest[end...])
        guard path.isEmpty || Self.isPath(path) else { return nil }
        self.text = text
        self.trustDomain = trustDomain
        self.path = path
    }

    /// Whether the text is one or more segments of `[A-Za-z0-9._-]`, each behind a slash and none of them `.` or `..`.
    private static func isPath(_ path: String) -> Bool {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
            segment != "." && segment != ".." && String(segment).consists(of: .spiffePath, count: 1...longest)
        }
    }
}

extension CharacterSet {
    fileprivate static let trustDomain = CharacterSet("abcdefghijklmnopqrstuvwxyz0123456789._-")
    fileprivate static let spiffePath = CharacterSet(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
    )
}

extension IssuerURL {
    /// A trust domain in the place of an issuer's URL. No token's `iss` can be taken for it: that must be `https`.
    package init(_ trustDomain: TrustDomain) { self.init(unchecked: trustDomain.uri) }

    /// The trust domain, when this is one.
    package var trustDomain: TrustDomain? { TrustDomain(uri: text) }
}
