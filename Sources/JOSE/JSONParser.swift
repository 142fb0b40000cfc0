/// Reads JSON text (RFC 8259) without any leniency, for what comes from outside.
///
/// Beyond the grammar it refuses what two readers could read in two ways: a repeated member name (also one that is only
/// canonically equivalent), bytes that are not UTF-8, a byte order mark, a lone surrogate, and a number that no Double
/// can hold (RFC 7493, 2; RFC 8725, 2.6).
struct JSONParser {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var at = 0
    private var valuesLeft: Int

    init(_ bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
        valuesLeft = limits.values
    }

    mutating func document() throws(JSONError) -> JSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw error("a byte order mark") }
        skipSpace()
        let value = try value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw error("text after the value") }
        return value
    }

    private func error(_ reason: String, at offset: Int? = nil) -> JSONError {
        JSONError(reason: reason, offset: offset ?? at)
    }

    /// The next byte, or nil at the end.
    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while at < bytes.count, case let byte = bytes[at], byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
        {
            at += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard valuesLeft > 0 else { throw error("too many values") }
        valuesLeft -= 1
        guard let byte = next else { throw error("a missing value") }
        switch byte {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error("an unexpected character")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let length = word.utf8CodeUnitCount
        guard bytes.count - at >= length, bytes[at..<(at + length)].elementsEqual("\(word)".utf8) else {
            throw error("an unexpected character")
        }
        at += length
        return value
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSON] {
        guard depth <= limits.depth else { throw error("too many levels") }
        at += 1
        skipSpace()
        var elements: [JSON] = []
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value(depth: depth))
            skipSpace()
            if take(UInt8(ascii: "]")) { return elements }
            guard take(UInt8(ascii: ",")) else { throw error("a missing comma or bracket") }
            skipSpace()
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        guard depth <= limits.depth else { throw error("too many levels") }
        at += 1
        skipSpace()
        if take(UInt8(ascii: "}")) { return JSONObject() }
        var members: [(name: String, value: JSON)] = []
        members.reserveCapacity(8)
        // Comparing with each name is the quickest for a few, but would take a large object quadratic time.
        var names: Set<String> = []
        while true {
            let start = at
            guard next == UInt8(ascii: "\"") else { throw error("a missing member name") }
            let name = try string()
            if members.count < 16 {
                guard !members.contains(where: { $0.name == name }) else { throw error("a repeated name", at: start) }
            } else {
                if names.isEmpty { names = Set(members.lazy.map(\.name)) }
                guard names.insert(name).inserted else { throw error("a repeated name", at: start) }
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("a missing colon") }
            skipSpace()
            members.append((name, try value(depth: depth)))
            skipSpace()
            if take(UInt8(ascii: "}")) { return JSONObject(distinct: members) }
            guard take(UInt8(ascii: ",")) else { throw error("a missing comma or brace") }
            skipSpace()
        }
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = at
        let negative = take(UInt8(ascii: "-"))
        var magnitude: UInt64 = 0
        var fits = true
        let first = at
        while let byte = next, isDigit(byte) {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if overflow || carry { fits = false }
            magnitude = sum
            at += 1
        }
        guard at > first else { throw error("a number without digits") }
        if at - first > 1, bytes[first] == UInt8(ascii: "0") { throw error("a leading zero", at: first) }

        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isInteger = false
            at += 1
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }

        if isInteger, fits {
            if negative, magnitude <= Int64.min.magnitude { return .integer(Int64(truncatingIfNeeded: 0 &- magnitude)) }
            if !negative, let value = Int64(exactly: magnitude) { return .integer(value) }
        }
        guard let value = Double(String(decoding: bytes[start..<at], as: UTF8.self)), value.isFinite else {
            throw error("a number out of range", at: start)
        }
        return .number(value)
    }

    private mutating func digits() throws(JSONError) {
        guard let byte = next, isDigit(byte) else { throw error("a number without digits") }
        while let byte = next, isDigit(byte) { at += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private mutating func string() throws(JSONError) -> String {
        at += 1
        var start = at
        // What comes before the last escape; empty as long as there was none.
        var unescaped: [UInt8] = []
        while true {
            passPlainCharacters()
            guard let byte = next else { throw error("a string without end") }
            switch byte {
            case UInt8(ascii: "\""):
                let rest = bytes[start..<at]
                at += 1
                if unescaped.isEmpty { return String(decoding: rest, as: UTF8.self) }
                unescaped.append(contentsOf: rest)
                return String(decoding: unescaped, as: UTF8.self)
            case UInt8(ascii: "\\"):
                unescaped.append(contentsOf: bytes[start..<at])
                try escape(into: &unescaped)
                start = at
            case 0x80...:
                try wideCharacter(byte)
            default:
                throw error("a control character in a string")
            }
        }
    }

    /// Passes over ASCII that stands for itself in a string. Nearly all text is, so this loop is kept tight.
    private mutating func passPlainCharacters() {
        var index = at
        while index < bytes.count, case let byte = bytes[index],
            byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
        {
            index += 1
        }
        at = index
    }

    /// Passes over a character of two to four bytes, if it is well formed (Unicode, table 3-7).
    private mutating func wideCharacter(_ lead: UInt8) throws(JSONError) {
        let (length, second): (Int, ClosedRange<UInt8>)
        switch lead {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw error("bytes that are not UTF-8")
        }
        guard bytes.count - at >= length, second.contains(bytes[at + 1]),
            bytes[(at + 2)..<(at + length)].allSatisfy({ $0 & 0xC0 == 0x80 })
        else { throw error("bytes that are not UTF-8") }
        at += length
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        let start = at
        at += 1
        guard let byte = next else { throw error("a string without end") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = UInt32(try hexadecimal())
            if code & 0xFC00 == 0xD800, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
                let low = UInt32(try hexadecimal())
                guard low & 0xFC00 == 0xDC00 else { throw error("a lone surrogate", at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("a lone surrogate", at: start) }
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw error("an unknown escape", at: start)
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch next {
            case .some(let byte) where isDigit(byte): digit = byte - UInt8(ascii: "0")
            case .some(let byte) where byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f"):
                digit = byte - UInt8(ascii: "a") + 10
            case .some(let byte) where byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "F"):
                digit = byte - UInt8(ascii: "A") + 10
            default: throw error("an escape without four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            at += 1
        }
        return value
    }
}
