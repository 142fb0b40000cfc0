/// `application/x-www-form-urlencoded` for requests of our own, to others.
package enum FormText {
    /// Every byte that is not unreserved (RFC 3986 section 2.3) is escaped: that is right in a form, in a query, in one
    /// segment of a path and in the halves of HTTP Basic (RFC 6749 section 2.3.1).
    package static func encode(_ text: String) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if isUnreserved(byte) { result.append(byte) } else { result += HexDigit.escape(byte) }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// `name=value&…`
    package static func encode(_ pairs: [(name: String, value: String)]) -> String {
        pairs.map { encode($0.name) + "=" + encode($0.value) }.joined(separator: "&")
    }

    /// The value of an `Authorization` header (RFC 7617).
    package static func basic(_ client: String, _ secret: String) -> String {
        let encoded = Base64URL.encode(Array((encode(client) + ":" + encode(secret)).utf8))
        let standard = encoded.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
        return "Basic " + String(standard) + String(repeating: "=", count: (4 - standard.count % 4) % 4)
    }

    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
