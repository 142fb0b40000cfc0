import OAuth

/// A URL that may be fetched from as far as its text tells: a scheme that is allowed, and a host that is a name or an
/// address in its plain form.
struct FetchTarget: Sendable {
    /// Lower case, without brackets.
    let host: String
    /// The host when it is written as an address.
    let literal: IPAddress?
    /// Only loopback may be spoken to without TLS.
    let isPlain: Bool
    /// The URL put together again from its parts, so that no two readers can see two hosts in it.
    let url: String

    init(_ text: String, allowsLoopback: Bool) throws(FetchError) {
        guard let reference = URIReference(text), !reference.hasUserInfo, reference.fragment == nil else {
            throw FetchError("only absolute URLs without user info and fragment are fetched")
        }
        isPlain = reference.scheme == "http"
        guard reference.scheme == "https" || (isPlain && allowsLoopback && reference.isLoopback) else {
            throw FetchError("only https URLs are fetched")
        }
        host = reference.host.lowercased()
        literal = IPAddress(host)
        guard literal != nil || !Self.isNumeric(host) else {
            throw FetchError("the host is a number in an unusual form")
        }
        let name = host.contains(":") ? "[\(host)]" : host
        let port = reference.port.map { ":\($0)" } ?? ""
        let query = reference.query.map { "?\($0)" } ?? ""
        url = "\(reference.scheme)://\(name)\(port)\(reference.path)\(query)"
    }

    /// Whether a resolver could take the text for an address (`127.1`, `0x7f000001`, `2130706433`): its last label is a
    /// decimal or hexadecimal number. No name of a host ends like that.
    private static func isNumeric(_ host: String) -> Bool {
        if host.contains(":") { return true }
        var labels = host.split(separator: ".", omittingEmptySubsequences: false)
        if labels.last?.isEmpty == true { labels.removeLast() }
        guard let last = labels.last?.utf8, !last.isEmpty else { return true }
        if last.starts(with: "0x".utf8) {
            return last.dropFirst(2).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        }
        return last.allSatisfy { (0x30...0x39).contains($0) }
    }
}
