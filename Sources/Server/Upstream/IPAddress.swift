/// An address in bytes, to tell public from private ones (RFC 6890).
struct IPAddress: Sendable, Equatable {
    /// 4 or 16 bytes, network order.
    let bytes: [UInt8]

    /// The address as text: dotted, or eight groups.
    var text: String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        return stride(from: 0, to: bytes.count - 1, by: 2)
            .map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }.joined(separator: ":")
    }

    /// What an address may be reached for.
    enum Reach: Sendable, Equatable {
        /// Global unicast.
        case global
        /// A network of one's own: RFC 1918, RFC 4193, shared address space.
        case privateNetwork
        case loopback
        /// Link-local, multicast, unspecified, reserved: never.
        case special
    }

    var reach: Reach {
        switch bytes.count {
        case 4: Self.reach(v4: bytes)
        case 16: Self.reach(v6: bytes)
        default: .special
        }
    }

    private static func reach(v4 bytes: [UInt8]) -> Reach {
        switch (bytes[0], bytes[1], bytes[2]) {
        case (127, _, _): .loopback
        case (10, _, _), (172, 16...31, _), (192, 168, _), (100, 64...127, _): .privateNetwork
        case (0, _, _), (169, 254, _), (192, 0, 0), (192, 0, 2), (192, 88, 99), (198, 18...19, _), (198, 51, 100),
            (203, 0, 113), (224...255, _, _):
            .special
        default: .global
        }
    }

    private static func reach(v6 bytes: [UInt8]) -> Reach {
        if bytes == [UInt8](repeating: 0, count: 15) + [1] { return .loopback }
        // An IPv4 address in disguise is what it disguises: v4-mapped, NAT64, 6to4.
        if bytes.starts(with: [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]) {
            return reach(v4: Array(bytes[12...]))
        }
        if bytes.starts(with: [0, 0x64, 0xFF, 0x9B] + [UInt8](repeating: 0, count: 8)) {
            return reach(v4: Array(bytes[12...]))
        }
        if bytes.starts(with: [0x20, 0x02]) { return reach(v4: Array(bytes[2..<6])) }
        // Only 2000::/3 is global unicast, without Teredo, ORCHID and documentation.
        switch (bytes[0], bytes[1]) {
        case (0xFC...0xFD, _): return .privateNetwork
        case (0x20, 0x01) where bytes[2] < 0x02 || (bytes[2] == 0x0D && bytes[3] == 0xB8): return .special
        case (0x3F, 0xF0...0xFF): return .special
        case (0x20...0x3F, _): return .global
        default: return .special
        }
    }
}
