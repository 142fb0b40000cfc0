import Testing
import Vault

@Suite("Secret")
struct SecretTests {
    private let secret = Secret(Array("correct horse battery staple".utf8))

    @Test("a secret prints as redacted everywhere")
    func redacted() {
        var dumped = ""
        dump(secret, to: &dumped)
        var debug = ""
        debugPrint(secret, to: &debug)
        struct Holder {
            let name = "holder"
            let secret: Secret
        }
        let texts = [
            String(describing: secret), String(reflecting: secret), "\(secret)", "\(Optional(secret) as Any)",
            "\([secret])", "\(["key": secret])", "\(Holder(secret: secret))", debug, dumped,
        ]
        for text in texts {
            #expect(text.contains("[redacted]"))
            #expect(!text.contains("correct"))
            #expect(!text.contains("99"), "bytes must not show as numbers either")
            #expect(!text.contains("SymmetricKey"))
        }
    }

    @Test("a mirror of a secret has no children")
    func mirror() {
        #expect(Mirror(reflecting: secret).children.isEmpty)
    }

    @Test("a secret cannot be encoded")
    func notCodable() {
        #expect(!((secret as Any) is any Encodable))
        #expect(!((secret as Any) is any Decodable))
    }

    @Test("the bytes are lent as they were given", arguments: [0, 1, 32, 4_096])
    func bytes(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let secret = Secret(bytes)
        #expect(secret.count == count)
        #expect(secret.withBytes { $0 == bytes })
        #expect(secret.withBytes { $0 == bytes }, "lending wipes the copy, not the secret")
    }

    @Test("an array that escapes is a copy of its own, not the wiped one")
    func escape() {
        let escaped = secret.withBytes { $0 }
        #expect(escaped == Array("correct horse battery staple".utf8))
    }

    @Test("an error thrown by the borrower passes through")
    func borrowerThrows() {
        #expect(throws: VaultError.malformedBox) {
            try secret.withBytes { _ in throw VaultError.malformedBox }
        }
    }

    @Test("secrets are equal exactly when their bytes are")
    func equality() {
        #expect(secret == Secret(Array("correct horse battery staple".utf8)))
        #expect(secret != Secret(Array("correct horse battery stapl".utf8)))
        #expect(secret != Secret(Array("Correct horse battery staple".utf8)))
        #expect(secret != Secret([]))
        #expect(Secret([]) == Secret([]))
    }
}
