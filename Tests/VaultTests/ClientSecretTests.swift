import Crypto
import FoundationEssentials
import JOSE
import Testing
import Vault

@Suite("Client secrets and their digests")
struct ClientSecretTests {
    private let key = DigestKey(Secret(Array(0..<32)))

    @Test("HMAC-SHA-256 is the published one (RFC 4231, 4.2 and 4.3)")
    func hmac() {
        let first = HMAC<SHA256>.authenticationCode(
            for: Array("Hi There".utf8), using: SymmetricKey(data: [UInt8](repeating: 0x0b, count: 20)))
        #expect(Array(first).hex == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        let second = HMAC<SHA256>.authenticationCode(
            for: Array("what do ya want for nothing?".utf8), using: SymmetricKey(data: Array("Jefe".utf8)))
        #expect(Array(second).hex == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test("a client secret has the prefix that scanners look for and 256 bits")
    func shape() throws {
        let secret = ClientSecret.generate()
        #expect(secret.hasPrefix("legate_cs_"))
        let random = String(secret.dropFirst(ClientSecret.prefix.count))
        #expect(random.utf8.count == 43)
        #expect(Base64URL.decode(random)?.count == 32)
    }

    @Test("no two client secrets are the same, and no position is constant")
    func randomness() {
        let secrets = (0..<500).map { _ in Array(ClientSecret.generate().utf8.dropFirst(10)) }
        #expect(Set(secrets).count == 500)
        for position in 0..<43 {
            // The last character has 4 random bits, the others 6.
            let seen = Set(secrets.map { $0[position] }).count
            #expect(seen > (position == 42 ? 12 : 50), "position \(position)")
        }
    }

    @Test("a digest is HMAC-SHA-256 over the client's length, the client and the secret")
    func golden() {
        #expect(
            key.digest(of: "legate_cs_x", context: "agent-7").hex
                == "2e5db74c499f38c21ba067ba780dafc21dcb2a732a257dd6a622e2ebc815c55d")
    }

    @Test(
        "a digest is 32 bytes for every secret",
        arguments: ["", "a", "legate_cs_x", String(repeating: "é", count: 999)])
    func length(secret: String) {
        #expect(key.digest(of: secret, context: "agent-7").count == 32)
        #expect(key.digest(of: secret, context: "").count == 32)
    }

    @Test("a digest depends on the key, the client and the secret, and not on where one ends and the other begins")
    func bound() {
        let digests = [
            key.digest(of: "secret", context: "agent-7"),
            key.digest(of: "secreT", context: "agent-7"),
            key.digest(of: "secret", context: "agent-8"),
            key.digest(of: "7secret", context: "agent-"),
            key.digest(of: "", context: "agent-7secret"),
            key.digest(of: "agent-7secret", context: ""),
            DigestKey(Secret(DigestKey.generateBytes())).digest(of: "secret", context: "agent-7"),
        ]
        #expect(Set(digests).count == digests.count)
        #expect(key.digest(of: "secret", context: "agent-7") == digests[0])
    }

    @Test("a secret matches its own digest wherever that is among the live ones")
    func matches() {
        let right = key.digest(of: "right", context: "agent-7")
        let other = key.digest(of: "other", context: "agent-7")
        #expect(key.matches("right", context: "agent-7", digests: [right]))
        #expect(key.matches("right", context: "agent-7", digests: [right, other]))
        #expect(key.matches("right", context: "agent-7", digests: [other, right]))
        #expect(key.matches("right", context: "agent-7", digests: [other, right, other]))
    }

    @Test("a secret matches nothing else")
    func matchesNot() {
        let right = key.digest(of: "right", context: "agent-7")
        #expect(!key.matches("right", context: "agent-7", digests: []))
        #expect(!key.matches("wrong", context: "agent-7", digests: [right]))
        #expect(!key.matches("right", context: "agent-8", digests: [right]))
        #expect(!key.matches("", context: "agent-7", digests: [right]))
        #expect(!key.matches("right", context: "agent-7", digests: [[], Array(right.dropLast()), right + [0]]))
        #expect(!DigestKey(Secret(Array(1..<33))).matches("right", context: "agent-7", digests: [right]))
        for index in right.indices {
            var changed = right
            changed[index] ^= 1
            #expect(!key.matches("right", context: "agent-7", digests: [changed]))
        }
    }

    @Test("generated key bytes are 32 and fresh")
    func keyBytes() {
        #expect(DigestKey.generateBytes().count == 32)
        #expect(DigestKey.generateBytes() != DigestKey.generateBytes())
    }

    @Test("a digest key does not show in text")
    func redacted() {
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), dumped] {
            #expect(text.contains("[redacted]"))
        }
    }
}
