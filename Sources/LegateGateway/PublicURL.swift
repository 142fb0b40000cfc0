import JOSE

/// Where callers reach the API: what a proof must name as its target (`htu`, RFC 9449 section 4.2).
///
/// It is configured and never taken from a request: whoever may write `Host` or `X-Forwarded-Host` must not choose which
/// proofs are good here.
struct PublicURL: Sendable, Equatable {
    /// Scheme, authority and the path under which the API stands, without a slash at the end.
    private let base: String

    /// Nil when no proof could name it.
    init?(_ url: String) {
        guard DPoPTarget(url) != nil else { return nil }
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
    }

    /// What a proof for a call must name; nil when that is no URL.
    ///
    /// - Parameter target: as it stands in the request, in origin form or, to a proxy, in absolute form (RFC 9112
    ///   section 3.2). The authority of the latter does not count.
    func target(of target: String) -> DPoPTarget? { DPoPTarget(base + Self.path(of: target)) }

    private static func path(of target: String) -> Substring {
        let bytes = target.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        if bytes.first == UInt8(ascii: "/") { return Substring(bytes) }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return "" }
        let rest = bytes[colon...].dropFirst()
        guard rest.starts(with: "//".utf8) else { return "" }
        return Substring(rest.dropFirst(2).drop { $0 != UInt8(ascii: "/") })
    }
}
