import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Random names from the system's generator.
///
/// Base32 in ASCII order (digits before letters), so that an id that begins with the time also sorts by time: the
/// database then appends to its index instead of writing all over it.
package enum Unguessable {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// A random name with `bytes` × 8 bits of entropy.
    package static func text(bytes count: Int) -> String { base32(random(count)) }

    /// A name of 32 characters that sorts by time: 48 bits of milliseconds, then 112 random bits.
    package static func timeOrdered(at time: Timestamp) -> String {
        var bytes = [UInt8]()
        bytes.reserveCapacity(20)
        let milliseconds = UInt64(clamping: time.milliseconds)
        for shift in stride(from: 40, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: milliseconds >> UInt64(shift)))
        }
        bytes.append(contentsOf: random(14))
        return base32(bytes)
    }

    private static let pool = RandomPool()

    private static func random(_ count: Int) -> [UInt8] { pool.take(count) }

    private static func base32(_ bytes: [UInt8]) -> String {
        let alphabet = Self.alphabet
        return unsafe String(unsafeUninitializedCapacity: (bytes.count * 8 + 4) / 5) { buffer in
            var accumulator: UInt32 = 0
            var bits: UInt32 = 0
            var index = 0
            for byte in bytes {
                accumulator = (accumulator << 8) | UInt32(byte)
                bits += 8
                while bits >= 5 {
                    bits -= 5
                    unsafe buffer[index] = alphabet[Int((accumulator >> bits) & 31)]
                    index += 1
                }
            }
            if bits > 0 {
                unsafe buffer[index] = alphabet[Int((accumulator << (5 - bits)) & 31)]
                index += 1
            }
            return index
        }
    }
}

/// Random bytes fetched some at a time: asking the kernel for every name costs more than the name. Each byte is handed out
/// once.
private final class RandomPool: Sendable {
    /// What the kernel gives at once, and no more (getentropy(3)).
    private static let size = 256
    private let bytes = Mutex<[UInt8]>([])

    func take(_ count: Int) -> [UInt8] {
        bytes.withLock { bytes in
            while bytes.count < count { bytes.append(contentsOf: Self.fetch()) }
            let taken = Array(bytes.suffix(count))
            bytes.removeLast(count)
            return taken
        }
    }

    private static func fetch() -> [UInt8] {
        unsafe Array(unsafeUninitializedCapacity: size) { buffer, count in
            let failed = unsafe buffer.baseAddress.map { unsafe getentropy($0, size) } != 0
            precondition(!failed, "the kernel has no random bytes")
            count = size
        }
    }
}
