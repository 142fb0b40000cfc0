import JOSE

/// Keys whose private halves are known to everybody: what they signed proves nothing, here or anywhere.
enum TestKeys {
    /// The keys that `Corpora/jwt` is signed with, and a key that signs what the fuzzer makes up.
    static let ed25519 = made(.ed25519, of: 0x07)
    static let es256 = made(.es256, of: 0x11)

    static let published = JWKSet(keys: [ed25519.publicKey, es256.publicKey])

    private static func made(_ algorithm: SignatureAlgorithm, of byte: UInt8) -> SigningKey {
        guard
            let key = try? SigningKey(algorithm: algorithm, rawRepresentation: [UInt8](repeating: byte, count: 32))
        else { fatalError("no test key for \(algorithm.rawValue)") }
        return key
    }

    /// A token with any header and payload and a good signature.
    static func signed(header: [UInt8], payload: [UInt8], by key: SigningKey) -> String {
        let input = Base64URL.encode(header) + "." + Base64URL.encode(payload)
        guard let signature = try? key.signature(over: Array(input.utf8)) else { fatalError("cannot sign") }
        return input + "." + Base64URL.encode(signature)
    }
}
