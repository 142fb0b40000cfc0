/// The URL that a DPoP proof is made for, in the one form in which two spellings of it are equal: without query and
/// fragment, after the syntax-based and scheme-based normalisation of RFC 3986 sections 6.2.2 and 6.2.3 (RFC 9449
/// section 4.3).
package struct DPoPTarget: Sendable, Equatable {
    private let text: String
    private let isSecure: Bool
    private let host: [UInt8]
    private let port: UInt16
    /// May have dot segments yet: they are taken out when two spellings have to be compared, which is seldom.
    private let path: [UInt8]

    /// Bytes of a URL that is worth looking at.
    package static let longest = 8_192

    /// Nil unless the text is an absolute `http` or `https` URL with a host and without user info.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.longest, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        switch String(decoding: bytes[..<colon], as: UTF8.self).lowercased() {
        case "https": isSecure = true
        case "http": isSecure = false
        default: return nil
        }
        let rest = bytes[(colon + 1)...]
        guard rest.starts(with: "//".utf8) else { return nil }
        let afterSlashes = rest.dropFirst(2)
        let end = afterSlashes.firstIndex(where: Self.endsAuthority) ?? afterSlashes.endIndex
        guard let (host, port) = Self.authority(afterSlashes[..<end]) else { return nil }
        let path = afterSlashes[end...].prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        guard let path = Self.unescaped(path) else { return nil }
        self.text = text
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        self.path = path
    }

    /// Whether a text names this URL, in this spelling or another.
    func isNamed(by text: String) -> Bool { self.text.isExactly(text) || DPoPTarget(text) == self }

    package static func == (left: DPoPTarget, right: DPoPTarget) -> Bool {
        left.isSecure == right.isSecure && left.host == right.host && left.port == right.port
            && withoutDots(left.path) == withoutDots(right.path)
    }

    /// Host and port. A host in brackets is taken as it is, in lower case.
    private static func authority(_ text: ArraySlice<UInt8>) -> (host: [UInt8], port: UInt16?)? {
        guard !text.contains(UInt8(ascii: "@")) else { return nil }
        var hostEnd = text.endIndex
        if text.first == UInt8(ascii: "[") {
            guard let close = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            hostEnd = close + 1
        } else if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            hostEnd = colon
        }
        guard let host = unescaped(text[..<hostEnd])?.map(lowered), !host.isEmpty else { return nil }
        let rest = text[hostEnd...]
        // Nothing, or a colon alone, stands for the port of the scheme (RFC 3986 section 6.2.3).
        guard let colon = rest.first else { return (host, nil) }
        guard colon == UInt8(ascii: ":") else { return nil }
        let digits = rest.dropFirst()
        if digits.isEmpty { return (host, nil) }
        guard digits.count <= 5, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(String(decoding: digits, as: UTF8.self)), port > 0
        else { return nil }
        return (host, port)
    }

    private static func endsAuthority(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
    }

    /// Escapes of unreserved characters decoded, all others in upper case (RFC 3986 sections 6.2.2.1 and 6.2.2.2). Nil
    /// when one of them is broken.
    private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var plain: [UInt8] = []
        plain.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            guard byte == UInt8(ascii: "%") else {
                plain.append(byte)
                index += 1
                continue
            }
            guard text.endIndex - index >= 3, let high = HexDigit.value(of: text[index + 1]),
                let low = HexDigit.value(of: text[index + 2])
            else { return nil }
            let value = high << 4 | low
            if FormText.isUnreserved(value) { plain.append(value) } else { plain += HexDigit.escape(value) }
            index += 3
        }
        return plain
    }

    /// The path without `.` and `..` segments (RFC 3986 section 5.2.4); an empty one is `/` (section 6.2.3).
    private static func withoutDots(_ path: [UInt8]) -> [UInt8] {
        guard !path.isEmpty else { return [UInt8(ascii: "/")] }
        let dot = [UInt8(ascii: ".")]
        var kept: [ArraySlice<UInt8>] = []
        let segments = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
        for (offset, segment) in segments.enumerated() {
            let isLast = offset == segments.count - 1
            if segment.elementsEqual(dot + dot) {
                _ = kept.popLast()
                if isLast { kept.append([]) }
            } else if segment.elementsEqual(dot) {
                if isLast { kept.append([]) }
            } else {
                kept.append(segment)
            }
        }
        return kept.reduce(into: []) { path, segment in
            path.append(UInt8(ascii: "/"))
            path.append(contentsOf: segment)
        }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
}
