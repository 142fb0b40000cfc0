/// Writes JSON straight into bytes, for the responses and tokens of the hot path.
///
/// It puts the commas; whoever calls it keeps beginnings and ends in balance and gives every member a name.
package struct JSONWriter {
    /// What has been written so far.
    package private(set) var bytes: [UInt8] = []
    /// Whether the next value or name follows another one.
    private var needsComma = false

    /// - Parameter capacity: how many bytes to make room for at once; more are added as needed.
    package init(capacity: Int) { bytes.reserveCapacity(capacity) }

    package mutating func beginObject() { begin(UInt8(ascii: "{")) }
    package mutating func endObject() { end(UInt8(ascii: "}")) }
    package mutating func beginArray() { begin(UInt8(ascii: "[")) }
    package mutating func endArray() { end(UInt8(ascii: "]")) }

    /// Writes the name of a member; the next thing written is its value.
    package mutating func name(_ name: String) {
        separate()
        append(quoted: name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func member(_ name: String, _ value: String) {
        let (nameText, valueText) = (name, value)
        let name = nameText.utf8Span.span
        let value = valueText.utf8Span.span
        guard Self.isPlain(name), Self.isPlain(value) else {
            self.name(nameText)
            self.value(valueText)
            return
        }
        // What nearly every member is, in one piece.
        bytes.append(addingCapacity: name.count + value.count + 6) { room in
            if needsComma { room.append(UInt8(ascii: ",")) }
            room.append(quoting: name)
            room.append(UInt8(ascii: ":"))
            room.append(quoting: value)
        }
        needsComma = true
    }

    package mutating func member(_ name: String, _ value: Int64) {
        self.name(name)
        self.value(value)
    }

    package mutating func member(_ name: String, _ value: Bool) {
        self.name(name)
        self.value(value)
    }

    package mutating func member(_ name: String, _ value: [String]) {
        self.name(name)
        beginArray()
        for element in value { self.value(element) }
        endArray()
    }

    package mutating func member(_ name: String, json: JSON) {
        self.name(name)
        value(json: json)
    }

    /// Writes an element of an array, or the value after `name`.
    package mutating func value(_ value: String) {
        separate()
        append(quoted: value)
        needsComma = true
    }

    /// Writes an element of an array, or the value after `name`.
    package mutating func value(_ value: Int64) {
        separate()
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var rest = value.magnitude
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
        needsComma = true
    }

    /// Writes an element of an array, or the value after `name`.
    package mutating func value(_ value: Bool) {
        separate()
        append(value ? "true" : "false")
        needsComma = true
    }

    /// Writes an element of an array, or the value after `name`.
    package mutating func value(json: JSON) {
        switch json {
        case .bool(let value): self.value(value)
        case .integer(let value): self.value(value)
        case .string(let value): self.value(value)
        case .number(let value) where value.isFinite:
            separate()
            bytes.append(contentsOf: value.description.utf8)
            needsComma = true
        case .null, .number:
            separate()
            append("null")
            needsComma = true
        case .array(let elements):
            beginArray()
            for element in elements { value(json: element) }
            endArray()
        case .object(let object):
            beginObject()
            for member in object.members {
                name(member.name)
                value(json: member.value)
            }
            endObject()
        }
    }

    /// Writes a value over several lines, two spaces a level.
    mutating func pretty(_ json: JSON, level: Int) {
        switch json {
        case .array(let elements) where !elements.isEmpty:
            beginArray()
            for element in elements {
                separate()
                needsComma = false
                newLine(level: level + 1)
                pretty(element, level: level + 1)
            }
            newLine(level: level)
            endArray()
        case .object(let object) where !object.isEmpty:
            beginObject()
            for member in object.members {
                separate()
                needsComma = false
                newLine(level: level + 1)
                name(member.name)
                bytes.append(UInt8(ascii: " "))
                pretty(member.value, level: level + 1)
            }
            newLine(level: level)
            endObject()
        default: value(json: json)
        }
    }

    private mutating func newLine(level: Int) {
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: level * 2))
    }

    private mutating func begin(_ byte: UInt8) {
        separate()
        bytes.append(byte)
        needsComma = false
    }

    private mutating func end(_ byte: UInt8) {
        bytes.append(byte)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func append(_ literal: StaticString) {
        unsafe bytes.append(
            contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    private mutating func append(quoted text: String) {
        let text = text.utf8Span.span
        guard Self.isPlain(text) else {
            bytes.append(UInt8(ascii: "\""))
            append(escaping: text)
            bytes.append(UInt8(ascii: "\""))
            return
        }
        bytes.append(addingCapacity: text.count + 2) { $0.append(quoting: text) }
    }

    /// Whether nothing needs an escape: eight bytes at a time, since nearly every text is like this.
    private static func isPlain(_ text: Span<UInt8>) -> Bool {
        let count = text.count
        guard count >= 8 else {
            for index in text.indices {
                let byte = text[index]
                guard byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return false }
            }
            return true
        }
        let bytes = unsafe text.bytes
        var found: UInt64 = 0
        var index = 0
        while index < count {
            // The last eight once more, rather than less than eight.
            index = min(index, count - 8)
            let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
            found |= highBits(below: 0x20, in: word)
            found |= highBits(below: 1, in: word ^ UInt64(UInt8(ascii: "\"")) &* ones)
            found |= highBits(below: 1, in: word ^ UInt64(UInt8(ascii: "\\")) &* ones)
            index += 8
        }
        return found == 0
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Not zero exactly when one of the eight bytes of a word is below a limit of at most 128.
    private static func highBits(below limit: UInt64, in word: UInt64) -> UInt64 {
        (word &- limit &* ones) & ~word & (0x80 &* ones)
    }

    /// RFC 8259, 7: the quotation mark, the backslash and the control characters have to be escaped, nothing else.
    private mutating func append(escaping text: Span<UInt8>) {
        for index in text.indices {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "\""): append(#"\""#)
            case UInt8(ascii: "\\"): append(#"\\"#)
            case 0x08: append(#"\b"#)
            case 0x09: append(#"\t"#)
            case 0x0A: append(#"\n"#)
            case 0x0C: append(#"\f"#)
            case 0x0D: append(#"\r"#)
            case 0x00..<0x20:
                append(#"\u00"#)
                bytes.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
                let low = byte & 15
                bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
            default: bytes.append(byte)
            }
        }
    }
}

extension OutputSpan<UInt8> {
    /// Adds text that needs no escape, in quotation marks. There is room for it.
    fileprivate mutating func append(quoting bytes: Span<UInt8>) {
        append(UInt8(ascii: "\""))
        unsafe withUnsafeMutableBufferPointer { room, count in
            unsafe bytes.withUnsafeBufferPointer { bytes in
                _ = unsafe room.extracting(count...).initialize(fromContentsOf: bytes)
                count += bytes.count
            }
        }
        append(UInt8(ascii: "\""))
    }
}
