package import OAuth

/// An `application/x-www-form-urlencoded` body, written as a careful client writes it.
package struct Form: Sendable {
    package var pairs: [(name: String, value: String)]

    package init(_ pairs: [(String, String)] = []) {
        self.pairs = pairs.map { (name: $0.0, value: $0.1) }
    }

    /// - Parameter parameters: in the order of their names.
    package init(_ parameters: [String: String]) {
        self.init(parameters.sorted { $0.key < $1.key })
    }

    package mutating func add(_ name: String, _ value: String?) {
        if let value { pairs.append((name, value)) }
    }

    package mutating func add(_ parameters: [String: String]) {
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) { pairs.append((name, value)) }
    }

    package var text: String {
        pairs.map { Self.escape($0.name) + "=" + Self.escape($0.value) }.joined(separator: "&")
    }

    package func parameters() throws -> Parameters { try Parameters(form: Array(text.utf8)) }

    /// Everything but letters, digits and `-._~` as percent escapes, a space as `+`.
    package static func escape(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: escaped.append(byte)
            case 0x20: escaped.append(UInt8(ascii: "+"))
            default: escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    /// The value of an `Authorization: Basic` header (RFC 6749 section 2.3.1).
    package static func basic(_ id: String, _ secret: String) -> String {
        "Basic " + base64(Array((escape(id) + ":" + escape(secret)).utf8))
    }

    /// Standard base64 with padding (RFC 4648 section 4).
    package static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = 0
            for byte in group { bits = bits << 8 | Int(byte) }
            bits <<= 8 * (3 - group.count)
            for index in 0..<4 {
                let isPadding = index > group.count
                text.append(isPadding ? UInt8(ascii: "=") : alphabet[bits >> (18 - 6 * index) & 63])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
