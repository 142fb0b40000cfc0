import JOSE
import Testing

@Suite("Signature algorithms")
struct SignatureAlgorithmTests {
    @Test(
        "the registered names are known",
        arguments: [
            ("ES256", .es256), ("Ed25519", .ed25519), ("EdDSA", .ed25519), ("RS256", .rs256), ("PS256", .ps256),
        ] as [(String, SignatureAlgorithm)])
    func names(name: String, algorithm: SignatureAlgorithm) {
        #expect(SignatureAlgorithm(name: name) == algorithm)
    }

    @Test(
        "every other name is unknown",
        arguments: [
            "none", "None", "NONE", "", "HS256", "HS512", "es256", "Es256", "ES256 ", " ES256", "ES384", "ES256K",
            "RS512",
            "RS1", "rs256", "ed25519", "EDDSA", "Ed448", "ES256\0", "\u{FF25}S256", "RSA-OAEP", "A128KW", "dir",
        ])
    func unknown(name: String) {
        #expect(SignatureAlgorithm(name: name) == nil)
    }
}
