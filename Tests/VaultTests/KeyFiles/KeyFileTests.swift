import FoundationEssentials
import Testing

@testable import Vault

@Suite("Key files")
struct KeyFileTests {
    private func bytes(_ sample: String) throws -> [UInt8] { Array(try #require(Data(base64Encoded: sample))) }

    private func open(_ sample: String, _ passphrase: String = KeyFileSample.passphrase) async throws -> KeyFile {
        try await KeyFile.open(try bytes(sample), passphrase: Secret(Array(passphrase.utf8)))
    }

    @Test("an encrypted PKCS#8 key or a PKCS#12 file opens with its passphrase")
    func opened() async throws {
        let files: [(String, KeyFile.Kind)] = [
            (KeyFileSample.ec, .p256), (KeyFileSample.ed25519, .ed25519), (KeyFileSample.rsa, .rsa),
            (KeyFileSample.scrypt, .p256), (KeyFileSample.tripleDES, .p256), (KeyFileSample.ecPKCS12, .p256),
            (KeyFileSample.rsaPKCS12, .rsa), (KeyFileSample.certificateFirst, .p256),
        ]
        for (sample, kind) in files {
            let file = try await open(sample)
            #expect(file.kind == kind)
            if kind != .rsa { #expect(file.privateKey.count == 32) }
        }
        // However it is wrapped, it is the same key.
        let scalar = try await open(KeyFileSample.ec).privateKey
        for sample in [
            KeyFileSample.scrypt, KeyFileSample.tripleDES, KeyFileSample.ecPKCS12, KeyFileSample.certificateFirst,
        ] {
            #expect(try await open(sample).privateKey == scalar)
        }
    }

    @Test("a wrong passphrase is told as such, in both formats")
    func wrongPassphrase() async throws {
        for sample in [KeyFileSample.ec, KeyFileSample.scrypt, KeyFileSample.ecPKCS12, KeyFileSample.rsaPKCS12] {
            for passphrase in ["secre", "secrets", "Secret", " secret", ""] {
                await #expect(throws: KeyFileError.wrongPassphrase) { try await open(sample, passphrase) }
            }
        }
        // Wrong padding is not the only sign of it: once in some hundred times the padding looks right.
        for number in 0..<300 {
            await #expect(throws: KeyFileError.wrongPassphrase) { try await open(KeyFileSample.ec, "no \(number)") }
        }
    }

    @Test(
        "attack: a weak or broken key is not brought in",
        arguments: [
            (KeyFileSample.rsa1024, KeyFileError.rsaSize(1024)), (KeyFileSample.rsaExponent3, .rsaExponent),
            (KeyFileSample.rsaEvenExponent, .rsaExponent), (KeyFileSample.rsaHugeExponent, .rsaExponent),
            (KeyFileSample.rsaOtherPrivate, .inconsistent), (KeyFileSample.rsaPSS, .unsupportedKey("RSA-PSS")),
            (KeyFileSample.p384, .unsupportedCurve("secp384r1")),
            (KeyFileSample.secp256k1, .unsupportedCurve("secp256k1")),
            (KeyFileSample.x25519, .unsupportedKey("X25519")), (KeyFileSample.offCurve, .offCurve),
            (KeyFileSample.otherPublicPoint, .inconsistent), (KeyFileSample.scalarZero, .inconsistent),
            (KeyFileSample.scalarOrder, .inconsistent),
        ])
    func weak(_ sample: String, _ error: KeyFileError) async throws {
        await #expect(throws: error) { try await open(sample) }
    }

    @Test(
        "a file that is not one private key under a passphrase is refused, saying what it is",
        arguments: [
            (KeyFileSample.twoKeys, KeyFileError.severalKeys), (KeyFileSample.otherCertificate, .otherCertificate),
            (KeyFileSample.publicKey, .publicOnly), (KeyFileSample.certificate, .publicOnly),
            (KeyFileSample.certificatePKCS12, .publicOnly), (KeyFileSample.plain, .notEncrypted),
            (KeyFileSample.plainPKCS12, .notEncrypted), (KeyFileSample.oldEncryption, .unsupportedEncryption),
            (KeyFileSample.legacyPKCS12, .unsupportedEncryption), (KeyFileSample.withoutMAC, .unprotected),
        ])
    func otherFiles(_ sample: String, _ error: KeyFileError) async throws {
        await #expect(throws: error) { try await open(sample) }
        let texts = error.description
        #expect(!texts.isEmpty && !texts.contains("secret"))
    }

    @Test("attack: a file that asks for endless key derivation costs nothing")
    func rounds() throws {
        let file = try bytes(KeyFileSample.tooManyRounds)
        let clock = ContinuousClock()
        let start = clock.now
        #expect(throws: KeyFileError.tooMuchWork) {
            try KeyFileReader.read(file, passphrase: Array(KeyFileSample.passphrase.utf8))
        }
        #expect(clock.now - start < .seconds(1))
    }

    @Test("attack: cut and changed files are refused, whatever is in them")
    func damaged() async throws {
        let secret = Secret(Array(KeyFileSample.passphrase.utf8))
        for sample in [KeyFileSample.ec, KeyFileSample.ecPKCS12] {
            let whole = try bytes(sample)
            for count in stride(from: 0, to: whole.count, by: 7) {
                await #expect(throws: KeyFileError.self) {
                    try await KeyFile.open(Array(whole.prefix(count)), passphrase: secret)
                }
            }
            var generator = SystemRandomNumberGenerator()
            for _ in 0..<300 {
                var changed = whole
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let place = Int.random(in: 0..<changed.count, using: &generator)
                    changed[place] = UInt8.random(in: 0...255, using: &generator)
                }
                // A change of the line ends or of a friendly name may leave the key as it was.
                _ = try? await KeyFile.open(changed, passphrase: secret)
            }
        }
        for junk in [[], [0], [0x30, 0x80], [UInt8](repeating: 0x30, count: KeyFile.longest)] {
            await #expect(throws: KeyFileError.unreadable) { try await KeyFile.open(junk, passphrase: secret) }
        }
        let large = [UInt8](repeating: 0x20, count: KeyFile.longest + 1)
        await #expect(throws: KeyFileError.unreadable) { try await KeyFile.open(large, passphrase: secret) }
    }
}
