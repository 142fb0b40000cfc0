extension [UInt8] {
    /// Appends an integer, most significant byte first.
    mutating func append(bigEndian value: some FixedWidthInteger) {
        for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// Appends text preceded by its length in 8 bytes, so that no two lists of texts have the same encoding.
    mutating func append(lengthPrefixed text: String) {
        append(bigEndian: UInt64(text.utf8.count))
        append(contentsOf: text.utf8)
    }
}
