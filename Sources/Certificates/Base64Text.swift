internal import JOSE

/// Standard base64 with its padding (RFC 4648 section 4), in the one form that encoding gives.
package enum Base64Text {
    package static func encode(_ bytes: [UInt8]) -> String {
        var text = Base64URL.encode(bytes).map { character -> Character in
            switch character {
            case "-": "+"
            case "_": "/"
            default: character
            }
        }
        while text.count % 4 != 0 { text.append("=") }
        return String(text)
    }

    /// The bytes, or nil for anything else: other characters, white space, missing padding, bits left over.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var url: [UInt8] = []
        url.reserveCapacity(text.count)
        var padding = 0
        for byte in text {
            if byte == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0 else { return nil }
            switch byte {
            case UInt8(ascii: "+"): url.append(UInt8(ascii: "-"))
            case UInt8(ascii: "/"): url.append(UInt8(ascii: "_"))
            case UInt8(ascii: "-"), UInt8(ascii: "_"): return nil
            default: url.append(byte)
            }
        }
        guard padding <= 2 else { return nil }
        return Base64URL.decode(url)
    }
}
