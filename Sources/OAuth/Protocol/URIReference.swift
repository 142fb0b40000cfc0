import JOSE

/// The parts of an absolute URI (RFC 3986), taken apart strictly: what is not plainly a URI is nil, never repaired.
package struct URIReference: Sendable, Equatable {
    /// Lower-case scheme, without the colon.
    package let scheme: String
    /// Host and port as written.
    package let authority: String
    /// Host without port and brackets, as written.
    package let host: String
    /// The port as written, if any.
    package let port: Int?
    /// The path as written, possibly empty.
    package let path: String
    /// What follows `?`, if there is one.
    package let query: String?
    /// What follows `#`, if there is one.
    package let fragment: String?
    /// True when the authority names a user; such URIs are refused everywhere.
    package let hasUserInfo: Bool

    private static let allowed = CharacterSet(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%"
    )
    private static let hostCharacters = CharacterSet(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"
    )
    private static let addressCharacters = CharacterSet("ABCDEFabcdef0123456789:.")

    package init?(_ text: String) {
        guard text.utf8.allSatisfy(Self.allowed.contains) else { return nil }
        var rest = Substring(text)
        guard let colon = rest.firstIndex(of: ":") else { return nil }
        let scheme = rest[..<colon].lowercased()
        guard let first = scheme.utf8.first, (0x61...0x7A).contains(first),
            scheme.utf8.allSatisfy({
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E
            })
        else { return nil }
        rest = rest[rest.index(after: colon)...]
        guard rest.hasPrefix("//") else { return nil }
        rest = rest.dropFirst(2)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let authority = rest[..<end]
        rest = rest[end...]
        var hostAndPort = authority
        hasUserInfo = authority.contains("@")
        if let at = authority.lastIndex(of: "@") { hostAndPort = authority[authority.index(after: at)...] }

        var portText: Substring?
        if hostAndPort.hasPrefix("[") {
            guard let close = hostAndPort.firstIndex(of: "]") else { return nil }
            host = String(hostAndPort[hostAndPort.index(after: hostAndPort.startIndex)..<close])
            guard host.consists(of: Self.addressCharacters, count: 2...45) else { return nil }
            let after = hostAndPort[hostAndPort.index(after: close)...]
            if after.hasPrefix(":") { portText = after.dropFirst() } else if !after.isEmpty { return nil }
        } else if let colon = hostAndPort.firstIndex(of: ":") {
            host = String(hostAndPort[..<colon])
            portText = hostAndPort[hostAndPort.index(after: colon)...]
        } else {
            host = String(hostAndPort)
        }
        if !hostAndPort.hasPrefix("[") {
            guard host.consists(of: Self.hostCharacters, count: 1...253) else { return nil }
        }
        if let portText {
            guard portText.utf8.count <= 5, portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let port = Int(portText), (1...65535).contains(port)
            else { return nil }
            self.port = port
        } else {
            port = nil
        }
        self.scheme = scheme
        self.authority = String(authority)

        if let hash = rest.firstIndex(of: "#") {
            fragment = String(rest[rest.index(after: hash)...])
            rest = rest[..<hash]
        } else {
            fragment = nil
        }
        if let mark = rest.firstIndex(of: "?") {
            query = String(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        } else {
            query = nil
        }
        path = String(rest)
        guard Self.hasWholePercentEscapes(text) else { return nil }
    }

    /// True for `localhost`, 127.0.0.0/8 in plain dotted form and `::1`.
    package var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy {
                $0.utf8.count <= 3 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8($0) != nil
            }
    }

    /// What may stand in `iss` and `aud`: `https`, or `http` on loopback; no fragment, no user info.
    package var isAcceptableForTokens: Bool {
        guard fragment == nil, !hasUserInfo else { return false }
        return scheme == "https" || (scheme == "http" && isLoopback)
    }

    private static func hasWholePercentEscapes(_ text: String) -> Bool {
        var pending = 0
        for byte in text.utf8 {
            if pending > 0 {
                guard HexDigit.value(of: byte) != nil else { return false }
                pending -= 1
            } else if byte == 0x25 {
                pending = 2
            }
        }
        return pending == 0
    }
}
