import JOSE

/// One bit for each index of a list, least significant first (Token Status List section 4.1): 1 is INVALID.
struct StatusBits: Sendable, Equatable {
    private(set) var bytes: [UInt8]

    /// - Parameter count: a multiple of eight.
    init(count: Int) { bytes = [UInt8](repeating: 0, count: count / 8) }

    mutating func setInvalid(_ index: Int) {
        guard bytes.indices.contains(index / 8), index >= 0 else { return }
        bytes[index / 8] |= 1 << UInt8(index % 8)
    }

    /// The `lst` member: compressed in the zlib format at the highest level, base64url.
    func encoded() throws -> String { Base64URL.encode(try Deflate.compress(bytes)) }
}
