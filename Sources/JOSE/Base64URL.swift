/// Base64url without padding, as JOSE uses it (RFC 7515, 2; RFC 4648, 5).
///
/// Decoding takes only the one text that encoding gives for the same bytes. Two texts for one value would let a changed
/// token, key or secret pass as the same one.
package enum Base64URL {
    /// The text for the bytes.
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        var out: [UInt8] = []
        append(bytes, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// Appends the text for the bytes, without making a string of it.
    package static func append(_ bytes: some Collection<UInt8>, to out: inout [UInt8]) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { buffer in
            unsafe write(buffer.span, to: &out)
        }
        if done == nil { write(Array(bytes).span, to: &out) }
    }

    /// The bytes that the text stands for, or nil when it is not their canonical encoding: padding, white space, other
    /// characters, an impossible length, or bits left over that are not zero.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        if let decoded = text.withContiguousStorageIfAvailable({ buffer in unsafe read(buffer.span) }) {
            return decoded
        }
        return read(Array(text).span)
    }

    /// The bytes that the text stands for, or nil when it is not their canonical encoding.
    package static func decode(_ text: String) -> [UInt8]? {
        decode(text.utf8)
    }

    private static func write(_ source: Span<UInt8>, to out: inout [UInt8]) {
        let count = source.count
        let (groups, rest) = count.quotientAndRemainder(dividingBy: 3)
        let alphabet = Self.alphabet.span
        out.append(addingCapacity: groups * 4 + (rest == 0 ? 0 : rest + 1)) { target in
            var index = 0
            while index + 3 <= count {
                let bits = UInt32(source[index]) << 16 | UInt32(source[index + 1]) << 8 | UInt32(source[index + 2])
                target.append(alphabet[Int(bits >> 18)])
                target.append(alphabet[Int(bits >> 12 & 63)])
                target.append(alphabet[Int(bits >> 6 & 63)])
                target.append(alphabet[Int(bits & 63)])
                index += 3
            }
            guard index < count else { return }
            let first = source[index]
            let second = index + 1 < count ? source[index + 1] : 0
            target.append(alphabet[Int(first >> 2)])
            target.append(alphabet[Int((first & 3) << 4 | second >> 4)])
            if index + 1 < count { target.append(alphabet[Int((second & 15) << 2)]) }
        }
    }

    private static func read(_ source: Span<UInt8>) -> [UInt8]? {
        let count = source.count
        let (groups, rest) = count.quotientAndRemainder(dividingBy: 4)
        guard rest != 1 else { return nil }
        let values = Self.values.span
        // A character outside the alphabet has the value 255; its high bits stay in here.
        var seen: UInt8 = 0
        let bytes = [UInt8](capacity: groups * 3 + (rest == 0 ? 0 : rest - 1)) { target in
            var index = 0
            while index + 4 <= count {
                let first = values[Int(source[index])]
                let second = values[Int(source[index + 1])]
                let third = values[Int(source[index + 2])]
                let fourth = values[Int(source[index + 3])]
                seen |= first | second | third | fourth
                target.append(first << 2 | second >> 4)
                target.append(second << 4 | third >> 2)
                target.append(third << 6 | fourth)
                index += 4
            }
            guard rest > 1 else { return }
            let first = values[Int(source[index])]
            let second = values[Int(source[index + 1])]
            seen |= first | second
            target.append(first << 2 | second >> 4)
            guard rest == 3 else {
                if second & 15 != 0 { seen = .max }
                return
            }
            let third = values[Int(source[index + 2])]
            seen |= third
            target.append(second << 4 | third >> 2)
            if third & 3 != 0 { seen = .max }
        }
        return seen < 64 ? bytes : nil
    }

    private static let alphabet: [UInt8] = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
    )

    /// The value of each character, 255 for one that is not in the alphabet.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()
}
