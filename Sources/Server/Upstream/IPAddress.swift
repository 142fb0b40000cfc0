import Glibc

/// An address in bytes, to tell what may be connected to from what must not be (RFC 6890 and the registries of special
/// purpose addresses that follow it).
struct IPAddress: Sendable, Equatable {
    /// 4 or 16 bytes, network order.
    let bytes: [UInt8]

    /// What an address may be reached for.
    enum Reach: Sendable, Equatable {
        /// Global unicast.
        case global
        /// A network of one's own: RFC 1918, RFC 4193.
        case privateNetwork
        case loopback
        /// Link-local, multicast, unspecified, shared, reserved, an address in disguise, a cloud's metadata: never.
        case special
    }

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads four plain decimal numbers or the text form of IPv6 (RFC 4291 section 2.2), and no other form.
    init?(_ text: String) {
        var v4 = [UInt8](repeating: 0, count: 4)
        var v6 = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &v4) == 1 {
            bytes = v4
        } else if unsafe inet_pton(AF_INET6, text, &v6) == 1 {
            bytes = v6
        } else {
            return nil
        }
    }

    /// The text form, without brackets.
    var text: String {
        guard bytes.count == 16 else { return bytes.map { String($0) }.joined(separator: ".") }
        return stride(from: 0, to: 16, by: 2)
            .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
            .joined(separator: ":")
    }

    var reach: Reach {
        let networks: [Network]
        let otherwise: Reach
        switch bytes.count {
        case 4: (networks, otherwise) = (Self.v4, .global)
        case 16:
            // DNS64 (RFC 6147): what the embedded address may not be used for, this one may not either.
            if Self.nat64.contains(bytes) {
                return IPAddress(bytes: Array(bytes[12...])).reach == .global ? .global : .special
            }
            (networks, otherwise) = (Self.v6, .special)
        default: return .special
        }
        return networks.first { $0.contains(bytes) }?.reach ?? otherwise
    }

    /// A prefix and what its addresses may be reached for.
    private struct Network: Sendable {
        let prefix: [UInt8]
        let length: Int
        let reach: Reach

        init(_ prefix: [UInt8], _ length: Int, _ reach: Reach) {
            self.prefix = prefix
            self.length = length
            self.reach = reach
        }

        /// Bytes that the prefix does not name are zero.
        func contains(_ bytes: [UInt8]) -> Bool {
            var rest = length
            for (index, byte) in bytes.enumerated() where rest > 0 {
                let mask = rest >= 8 ? 0xFF : UInt8(truncatingIfNeeded: 0xFF << (8 - rest))
                let wanted = index < prefix.count ? prefix[index] : 0
                guard byte & mask == wanted else { return false }
                rest -= 8
            }
            return true
        }
    }

    /// The first match counts.
    private static let v4: [Network] = [
        Network([127], 8, .loopback),
        Network([10], 8, .privateNetwork),
        Network([172, 16], 12, .privateNetwork),
        Network([192, 168], 16, .privateNetwork),
        Network([0], 8, .special),
        // Shared by customers of one carrier (RFC 6598); a cloud keeps its metadata there.
        Network([100, 64], 10, .special),
        Network([169, 254], 16, .special),
        // The host agent of a cloud, under a public address.
        Network([168, 63, 129, 16], 32, .special),
        Network([192, 0, 0], 24, .special),
        Network([192, 0, 2], 24, .special),
        Network([192, 88, 99], 24, .special),
        Network([198, 18], 15, .special),
        Network([198, 51, 100], 24, .special),
        Network([203, 0, 113], 24, .special),
        Network([224], 4, .special),
        Network([240], 4, .special),
    ]

    private static let nat64 = Network([0, 0x64, 0xFF, 0x9B], 96, .special)

    /// The first match counts; what is in none is no unicast address of today. IPv4 addresses in disguise (mapped,
    /// compatible, 6to4, Teredo) are among those: no name server has a good reason to hand one out.
    private static let v6: [Network] = [
        Network([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128, .loopback),
        // Metadata of clouds, within the private range.
        Network([0xFD, 0x00, 0x0E, 0xC2], 32, .special),
        Network([0xFD, 0x20, 0x00, 0xCE], 32, .special),
        Network([0xFC], 7, .privateNetwork),
        Network([0x20, 0x01, 0x00], 23, .special),
        Network([0x20, 0x01, 0x0D, 0xB8], 32, .special),
        Network([0x20, 0x02], 16, .special),
        Network([0x3F, 0xFF, 0x00], 20, .special),
        Network([0x20], 3, .global),
    ]
}
