/// Reads `.env` files: `NAME=value` line by line, with comments, `export` and three kinds of quoting.
///
/// There is no standard, and readers differ. Where they would find another value in the same text, the text is refused
/// with what to write instead: a secret that is a little wrong is worse than one that is missing.
struct DotEnv {
    private let text: [UInt8]
    private var position = 0
    private var line = 1

    static func read(_ bytes: [UInt8], into file: inout ImportFile) {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            return file.refuse("the file", "is not UTF-8")
        }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        var reader = DotEnv(text: bytes.starts(with: mark) ? Array(bytes.dropFirst(3)) : bytes)
        reader.readLines(into: &file)
    }

    /// Line ends become `\n`, as all readers have it.
    private init(text: [UInt8]) {
        var plain: [UInt8] = []
        plain.reserveCapacity(text.count)
        var previous: UInt8 = 0
        for byte in text {
            if byte == Self.lineFeed, previous == Self.carriageReturn {
                previous = byte
                continue
            }
            plain.append(byte == Self.carriageReturn ? Self.lineFeed : byte)
            previous = byte
        }
        self.text = plain
    }

    private mutating func readLines(into file: inout ImportFile) {
        while position < text.count {
            let place = "line \(line)"
            do {
                if let (name, value) = try assignment() { file.found(value, named: name, at: place) }
            } catch {
                file.refuse(place, error.reason)
                skipLine()
            }
        }
    }

    /// One line, and those that its quotes reach over. Nil for a blank line and a comment.
    private mutating func assignment() throws(Refused) -> (name: String, value: [UInt8])? {
        skipBlanks()
        guard let first = peek else { return nil }
        if first == Self.lineFeed || first == UInt8(ascii: "#") {
            skipLine()
            return nil
        }
        var name = try word()
        if name == "export", peek == UInt8(ascii: " ") || peek == UInt8(ascii: "\t") {
            skipBlanks()
            name = try word()
        }
        skipBlanks()
        guard peek == UInt8(ascii: "=") else { throw Refused("expected NAME=value") }
        position += 1
        skipBlanks()
        let value: [UInt8]
        switch peek {
        case UInt8(ascii: "'"): value = try singleQuoted()
        case UInt8(ascii: "\""): value = try doubleQuoted()
        case UInt8(ascii: "`"): throw Refused("backquotes are not the same to all readers: use single quotes")
        default: return (name, try unquoted())
        }
        skipBlanks()
        guard peek == nil || peek == Self.lineFeed || peek == UInt8(ascii: "#") else {
            throw Refused("something follows the closing quote")
        }
        skipLine()
        return (name, value)
    }

    private mutating func word() throws(Refused) -> String {
        let start = position
        while let byte = peek, Self.isNameByte(byte) { position += 1 }
        guard position > start else { throw Refused("expected NAME=value") }
        return String(decoding: text[start..<position], as: UTF8.self)
    }

    private mutating func unquoted() throws(Refused) -> [UInt8] {
        var value: [UInt8] = []
        while let byte = peek, byte != Self.lineFeed {
            if byte == UInt8(ascii: "#") {
                guard value.isEmpty || Self.isBlank(value.last) else {
                    throw Refused("some readers take # for a comment: put the value in single quotes")
                }
                break
            }
            if byte == UInt8(ascii: "$"), startsVariable(at: position + 1) {
                throw Refused("some readers put a variable in place of $: put the value in single quotes")
            }
            if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "`") {
                throw Refused("a quote within a value: put the whole value in quotes")
            }
            if byte == UInt8(ascii: "\\") {
                throw Refused("some readers give a backslash a meaning: put the value in single quotes")
            }
            value.append(byte)
            position += 1
        }
        skipLine()
        while Self.isBlank(value.last) { value.removeLast() }
        return value
    }

    private mutating func singleQuoted() throws(Refused) -> [UInt8] {
        var value: [UInt8] = []
        position += 1
        while let byte = next() {
            if byte == UInt8(ascii: "'") { return value }
            if byte == UInt8(ascii: "\\"), peek == UInt8(ascii: "\\") || peek == UInt8(ascii: "'") {
                throw Refused(#"some readers take \\ and \' in single quotes for one character: use double quotes"#)
            }
            value.append(byte)
        }
        throw Refused("the quote is never closed")
    }

    private mutating func doubleQuoted() throws(Refused) -> [UInt8] {
        var value: [UInt8] = []
        position += 1
        while let byte = next() {
            switch byte {
            case UInt8(ascii: "\""): return value
            case UInt8(ascii: "\\"):
                guard let escaped = next(), let meant = Self.escapes[escaped] else {
                    throw Refused(#"unknown escape; known are \n \r \t \\ \" \$"#)
                }
                value.append(meant)
            case UInt8(ascii: "$"):
                guard !startsVariable(at: position) else {
                    throw Refused(#"some readers put a variable in place of $: write \$, or use single quotes"#)
                }
                value.append(byte)
            default: value.append(byte)
            }
        }
        throw Refused("the quote is never closed")
    }

    /// Why a line is refused. Its text never has anything of the value.
    private struct Refused: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "n"): lineFeed, UInt8(ascii: "r"): carriageReturn, UInt8(ascii: "t"): UInt8(ascii: "\t"),
        UInt8(ascii: "\\"): UInt8(ascii: "\\"), UInt8(ascii: "\""): UInt8(ascii: "\""),
        UInt8(ascii: "$"): UInt8(ascii: "$"),
    ]

    private var peek: UInt8? { text.indices.contains(position) ? text[position] : nil }

    private mutating func next() -> UInt8? {
        guard let byte = peek else { return nil }
        position += 1
        if byte == Self.lineFeed { line += 1 }
        return byte
    }

    private mutating func skipBlanks() {
        while let byte = peek, Self.isBlank(byte) { position += 1 }
    }

    private mutating func skipLine() {
        while let byte = next(), byte != Self.lineFeed {}
    }

    private func startsVariable(at index: Int) -> Bool {
        guard text.indices.contains(index) else { return false }
        let byte = text[index]
        return byte == UInt8(ascii: "{") || byte == UInt8(ascii: "(") || Self.isNameByte(byte)
    }

    private static func isBlank(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
