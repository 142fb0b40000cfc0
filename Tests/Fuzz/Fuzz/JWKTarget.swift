import JOSE

extension FuzzTarget {
    /// A key, or a set of keys, that somebody registers or publishes.
    static let jwk = FuzzTarget(name: "jwk") { bytes in
        guard let json = try? JSON(parsing: bytes) else { return }
        if let set = try? JWKSet(json: json) {
            law("a set has a key", !set.keys.isEmpty)
            law("a set that is written can be read", (try? JWKSet(json: .object(set.json)))?.keys == set.keys)
        }
        guard let key = try? JWK(json: json) else { return }
        let again = try? JWK(json: .object(key.json))
        law("a key that is written can be read", again == key && again?.thumbprint == key.thumbprint)
        law("nothing private is written", privateMembers.allSatisfy { key.json[$0] == nil })
        law("a key fits what it declares", key.algorithm.map { key.fits($0) } ?? true)
        for algorithm in SignatureAlgorithm.allCases where key.fits(algorithm) {
            law("a key can do what it fits", key.supported.contains(algorithm))
            for size in [0, 1, 63, 64, 65, 256, 384] {
                let signature = [UInt8](repeating: 0, count: size)
                law("zeros are no signature", !key.isValidSignature(signature, over: [1], algorithm: algorithm))
            }
        }
    }

    private static let privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
}
