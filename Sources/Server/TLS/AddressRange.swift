/// Addresses that an operator named: one, or a network in CIDR notation (RFC 4632 section 3.1; RFC 4291 section 2.3).
package struct AddressRange: Sendable, Equatable {
    private let address: IPAddress
    /// Bits that must be equal.
    private let prefix: Int

    /// Reads `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`. Nil for anything else, and for a network with bits set behind
    /// its prefix, which is nearly always a slip.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
        let width = address.bytes.count * 8
        var prefix = width
        if parts.count == 2 {
            guard let last = parts.last, (1...3).contains(last.utf8.count),
                last.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bits = Int(last), bits <= width
            else { return nil }
            prefix = bits
        }
        guard Self.masked(address.bytes, prefix) == address.bytes else { return nil }
        self.address = address
        self.prefix = prefix
    }

    /// Whether the address lies in the range. An IPv4 address that came through an IPv6 socket is taken for itself.
    func contains(_ other: IPAddress) -> Bool {
        let bytes = Self.plain(other.bytes)
        return bytes.count == address.bytes.count && Self.masked(bytes, prefix) == address.bytes
    }

    private static func masked(_ bytes: [UInt8], _ prefix: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let bits = min(8, max(0, prefix - index * 8))
            return bits == 0 ? 0 : byte & (0xFF << UInt8(8 - bits))
        }
    }

    /// `::ffff:a.b.c.d` as `a.b.c.d` (RFC 4291 section 2.5.5.2).
    private static func plain(_ bytes: [UInt8]) -> [UInt8] {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return bytes.count == 16 && Array(bytes.prefix(12)) == mapped ? Array(bytes.suffix(4)) : bytes
    }
}
