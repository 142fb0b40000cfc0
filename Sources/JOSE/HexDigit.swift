/// Hexadecimal digits in ASCII.
package enum HexDigit {
    /// What a digit stands for, whichever its case; nil for a byte that is none.
    package static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// A byte as a percent escape, in upper case (RFC 3986 section 2.1).
    package static func escape(_ byte: UInt8) -> [UInt8] { [UInt8(ascii: "%"), upper(byte >> 4), upper(byte & 15)] }

    private static func upper(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }
}
