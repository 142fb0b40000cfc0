import Testing

@testable import Vault

@Suite("Keys made from keys")
struct KeyDerivationTests {
    struct Vector: Sendable {
        let key: String
        let salt: String
        let info: String
        let derived: String
    }

    /// RFC 5869, appendix A.
    static let vectors = [
        Vector(
            key: String(repeating: "0b", count: 22), salt: "000102030405060708090a0b0c", info: "f0f1f2f3f4f5f6f7f8f9",
            derived: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        ),
        Vector(
            key: counting(from: 0x00, to: 0x4F), salt: counting(from: 0x60, to: 0xAF),
            info: counting(from: 0xB0, to: 0xFF),
            derived: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
                + "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
        Vector(
            key: String(repeating: "0b", count: 22), salt: "", info: "",
            derived: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        ),
    ]

    @Test("HKDF with SHA-256 is the published one (RFC 5869, A.1 to A.3)", arguments: vectors)
    func published(_ vector: Vector) {
        let derived = KeyDerivation.derive(
            from: Secret([UInt8](hex: vector.key)), salt: [UInt8](hex: vector.salt), info: [UInt8](hex: vector.info),
            count: vector.derived.utf8.count / 2
        )
        #expect(derived.bytes.hex == vector.derived)
    }

    private static func counting(from first: UInt8, to last: UInt8) -> String { Array(first...last).hex }
}
