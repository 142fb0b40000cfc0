import JOSE

/// Times as text for JSON (RFC 3339, UTC), in the way in which the audit trail writes them.
package enum RFC3339 {
    /// `2026-11-21T05:08:54Z`; milliseconds appear only when there are any.
    package static func text(_ time: Timestamp) -> String {
        let text = RFC3339Time.format(time.milliseconds)
        return text.hasSuffix(".000Z") ? String(text.dropLast(5)) + "Z" : text
    }

    /// Nil unless the text is a UTC time with 0–9 fraction digits; an offset must be `Z`. Below a millisecond is cut off.
    package static func time(_ text: String) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 30, bytes.last == UInt8(ascii: "Z") else { return nil }
        var fraction: [UInt8] = []
        if bytes.count > 20 {
            fraction = Array(bytes[20..<(bytes.count - 1)])
            guard bytes[19] == UInt8(ascii: "."), !fraction.isEmpty,
                fraction.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
        }
        let milliseconds = (fraction + [0x30, 0x30, 0x30]).prefix(3)
        let whole = Array(bytes[..<19]) + [UInt8(ascii: ".")] + milliseconds + [UInt8(ascii: "Z")]
        guard let canonical = String(validating: whole, as: UTF8.self) else { return nil }
        return RFC3339Time.parse(canonical).map { Timestamp(milliseconds: $0) }
    }
}
