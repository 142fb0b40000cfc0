import JOSE

/// Text for places that take visible ASCII alone, such as header fields and the endpoint of an audit record.
enum VisibleText {
    /// The text with percent escapes for every byte that is not visible ASCII, and for those in `others`.
    static func escape(_ text: some Sequence<UInt8>, and others: Set<UInt8> = []) -> [UInt8] {
        var escaped: [UInt8] = []
        escaped.reserveCapacity(text.underestimatedCount)
        for byte in text {
            if (0x21...0x7E).contains(byte), !others.contains(byte) {
                escaped.append(byte)
            } else {
                escaped += HexDigit.escape(byte)
            }
        }
        return escaped
    }

    /// A name as a header field: as it is whenever that is possible, else with percent escapes, a percent sign among
    /// them. Whoever decodes escapes always gets the name, and two names never look the same.
    static func field(_ name: String) -> String {
        let percent = UInt8(ascii: "%")
        guard name.utf8.contains(where: { !(0x21...0x7E).contains($0) || $0 == percent }) else { return name }
        return String(decoding: escape(name.utf8, and: [percent]), as: UTF8.self)
    }
}
