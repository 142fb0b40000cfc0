/// Just enough of the curve of Ed25519 (RFC 8032, 5.1) to refuse a public key that can never verify anything, or that
/// verifies signatures which nobody made.
///
/// The crypto library looks at the point only when it verifies, and takes points of small order. Everything here is
/// public, so no care is taken about time.
enum Edwards25519 {
    /// Whether the 32 bytes are the canonical encoding of a point of the curve that is not of small order.
    static func isStrongPublicKey(_ encoded: [UInt8]) -> Bool {
        guard encoded.count == 32 else { return false }
        var limbs: [UInt64] = []
        for start in stride(from: 0, to: 32, by: 8) {
            limbs.append(encoded[start..<(start + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) })
        }
        // The top bit is the sign of x (5.1.2).
        limbs[3] &= UInt64.max >> 1
        let y = Field(limbs[0], limbs[1], limbs[2], limbs[3])
        guard y.isReduced, !smallOrder.contains(y) else { return false }

        // x² = u / v with u = y² − 1 and v = d·y² + 1 (5.1.3). It has a root just when u·v has one, and v is never zero.
        let square = y * y
        let product = (square + .minusOne) * (d * square + .one)
        return product.isSquare
    }

    /// The curve's constant, −121665/121666.
    private static let d = Field(
        0x75EB_4DCA_1359_78A3, 0x0070_0A4D_4141_D8AB, 0x8CC7_4079_7779_E898, 0x5203_6CEE_2B6F_FE73
    )

    /// The y of all eight points whose order divides 8; with either sign of x, where there are two.
    private static let smallOrder: [Field] = [
        .zero, .one, .minusOne,
        Field(0xB027_B2C2_8F95_E826, 0xF098_EFF2_89F4_C345, 0x3933_C6D3_05AC_DFD5, 0x05FC_536D_8802_38B1),
        Field(0x4FD8_4D3D_706A_17C7, 0x0F67_100D_760B_3CBA, 0xC6CC_392C_FA53_202A, 0x7A03_AC92_77FD_C74E),
    ]
}

extension Edwards25519 {
    /// A number modulo 2²⁵⁵ − 19, least significant word first. Every operation gives a reduced one.
    private struct Field: Equatable {
        var a: UInt64
        var b: UInt64
        var c: UInt64
        var d: UInt64

        init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
            (self.a, self.b, self.c, self.d) = (a, b, c, d)
        }

        static let zero = Field(0, 0, 0, 0)
        static let one = Field(1, 0, 0, 0)
        static let minusOne = Field(.max - 19, .max, .max, .max >> 1)

        /// Whether this is less than the modulus.
        var isReduced: Bool {
            d < .max >> 1 || (d == .max >> 1 && (c < .max || b < .max || a < .max - 18))
        }

        static func + (left: Field, right: Field) -> Field {
            // Both are below 2²⁵⁵, so the sum has no more than 256 bits.
            Field(reducing: [left.a, left.b, left.c, left.d], plus: [right.a, right.b, right.c, right.d])
        }

        static func * (left: Field, right: Field) -> Field {
            let x = [left.a, left.b, left.c, left.d]
            let y = [right.a, right.b, right.c, right.d]
            var product = [UInt64](repeating: 0, count: 8)
            for i in 0..<4 {
                var carry: UInt64 = 0
                for j in 0..<4 {
                    let (high, low) = x[i].multipliedFullWidth(by: y[j])
                    let (first, firstCarry) = low.addingReportingOverflow(product[i + j])
                    let (second, secondCarry) = first.addingReportingOverflow(carry)
                    product[i + j] = second
                    carry = high + (firstCarry ? 1 : 0) + (secondCarry ? 1 : 0)
                }
                product[i + 4] = carry
            }
            // 2²⁵⁶ is 38 modulo the prime. What is left over after adding the upper half 38 times has few bits.
            var low = Array(product[0..<4])
            var carry: UInt64 = 0
            for i in 0..<4 {
                let (high, part) = product[i + 4].multipliedFullWidth(by: 38)
                let (first, firstCarry) = part.addingReportingOverflow(low[i])
                let (second, secondCarry) = first.addingReportingOverflow(carry)
                low[i] = second
                carry = high + (firstCarry ? 1 : 0) + (secondCarry ? 1 : 0)
            }
            return Field(reducing: low, plus: [carry * 38, 0, 0, 0])
        }

        /// The sum of two numbers of 256 bits, reduced.
        private init(reducing left: [UInt64], plus right: [UInt64]) {
            var sum = left
            var carry = Self.add(right, to: &sum)
            while carry { carry = Self.add([38, 0, 0, 0], to: &sum) }
            // 2²⁵⁵ is 19.
            let top = sum[3] >> 63
            sum[3] &= .max >> 1
            _ = Self.add([top * 19, 0, 0, 0], to: &sum)
            self.init(sum[0], sum[1], sum[2], sum[3])
            if !isReduced {
                // Adding 19 and dropping the top bit takes the modulus away.
                _ = Self.add([19, 0, 0, 0], to: &sum)
                self.init(sum[0], sum[1], sum[2], sum[3] & .max >> 1)
            }
        }

        /// - Returns: whether the sum has more than 256 bits.
        private static func add(_ term: [UInt64], to sum: inout [UInt64]) -> Bool {
            var carry: UInt64 = 0
            for i in 0..<4 {
                let (first, firstCarry) = sum[i].addingReportingOverflow(term[i])
                let (second, secondCarry) = first.addingReportingOverflow(carry)
                sum[i] = second
                carry = firstCarry || secondCarry ? 1 : 0
            }
            return carry == 1
        }

        /// Euler's criterion: a number is a square just when its power of (p − 1) / 2 is 1, or it is zero.
        var isSquare: Bool {
            // (p − 1) / 2 = 2²⁵⁴ − 10: bits 4 to 253 are set, and of the lowest four 0110.
            var power = Field.one
            for bit in stride(from: 253, through: 0, by: -1) {
                power = power * power
                if bit > 3 || bit == 2 || bit == 1 { power = power * self }
            }
            return power == .one || self == .zero
        }
    }
}
