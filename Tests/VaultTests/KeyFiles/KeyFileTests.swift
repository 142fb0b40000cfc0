import FoundationEssentials
import Support
import Testing

@testable import Vault

@Suite("Key files")
struct KeyFileTests {
    private func bytes(_ sample: String) throws -> [UInt8] { Array(try #require(Data(base64Encoded: sample))) }

    private func open(_ sample: String, _ passphrase: String = KeyFileSamples.passphrase) async throws -> KeyFile {
        try await KeyFile.open(try bytes(sample), passphrase: Secret(Array(passphrase.utf8)))
    }

    @Test("an encrypted PKCS#8 key or a PKCS#12 file opens with its passphrase")
    func opened() async throws {
        let files: [(String, KeyFile.Kind)] = [
            (KeyFileSamples.ec, .p256), (KeyFileSamples.ed25519, .ed25519), (KeyFileSamples.rsa, .rsa),
            (KeyFileSamples.scrypt, .p256), (KeyFileSamples.tripleDES, .p256), (KeyFileSamples.ecPKCS12, .p256),
            (KeyFileSamples.rsaPKCS12, .rsa), (KeyFileSamples.certificateFirst, .p256),
        ]
        for (sample, kind) in files {
            let file = try await open(sample)
            #expect(file.kind == kind)
            if kind != .rsa { #expect(file.privateKey.count == 32) }
        }
        // However it is wrapped, it is the same key.
        let scalar = try await open(KeyFileSamples.ec).privateKey
        for sample in [
            KeyFileSamples.scrypt, KeyFileSamples.tripleDES, KeyFileSamples.ecPKCS12, KeyFileSamples.certificateFirst,
        ] {
            #expect(try await open(sample).privateKey == scalar)
        }
    }

    @Test("a wrong passphrase is told as such, in both formats")
    func wrongPassphrase() async throws {
        for sample in [KeyFileSamples.ec, KeyFileSamples.scrypt, KeyFileSamples.ecPKCS12, KeyFileSamples.rsaPKCS12] {
            for passphrase in ["secre", "secrets", "Secret", " secret", ""] {
                await #expect(throws: KeyFileError.wrongPassphrase) { try await open(sample, passphrase) }
            }
        }
        // Wrong padding is not the only sign of it: once in some hundred times the padding looks right.
        for number in 0..<300 {
            await #expect(throws: KeyFileError.wrongPassphrase) { try await open(KeyFileSamples.ec, "no \(number)") }
        }
    }

    @Test(
        "attack: a weak or broken key is not brought in",
        arguments: [
            (KeyFileSamples.rsa1024, KeyFileError.rsaSize(1024)), (KeyFileSamples.rsaExponent3, .rsaExponent),
            (KeyFileSamples.rsaEvenExponent, .rsaExponent), (KeyFileSamples.rsaHugeExponent, .rsaExponent),
            (KeyFileSamples.rsaOtherPrivate, .inconsistent), (KeyFileSamples.rsaPSS, .unsupportedKey("RSA-PSS")),
            (KeyFileSamples.p384, .unsupportedCurve("secp384r1")),
            (KeyFileSamples.secp256k1, .unsupportedCurve("secp256k1")),
            (KeyFileSamples.x25519, .unsupportedKey("X25519")), (KeyFileSamples.offCurve, .offCurve),
            (KeyFileSamples.otherPublicPoint, .inconsistent), (KeyFileSamples.scalarZero, .inconsistent),
            (KeyFileSamples.scalarOrder, .inconsistent),
        ])
    func weak(_ sample: String, _ error: KeyFileError) async throws {
        await #expect(throws: error) { try await open(sample) }
    }

    @Test(
        "a file that is not one private key under a passphrase is refused, saying what it is",
        arguments: [
            (KeyFileSamples.twoKeys, KeyFileError.severalKeys), (KeyFileSamples.otherCertificate, .otherCertificate),
            (KeyFileSamples.publicKey, .publicOnly), (KeyFileSamples.certificate, .publicOnly),
            (KeyFileSamples.certificatePKCS12, .publicOnly), (KeyFileSamples.plain, .notEncrypted),
            (KeyFileSamples.plainPKCS12, .notEncrypted), (KeyFileSamples.oldEncryption, .unsupportedEncryption),
            (KeyFileSamples.legacyPKCS12, .unsupportedEncryption), (KeyFileSamples.withoutMAC, .unprotected),
        ])
    func otherFiles(_ sample: String, _ error: KeyFileError) async throws {
        await #expect(throws: error) { try await open(sample) }
        let texts = error.description
        #expect(!texts.isEmpty && !texts.contains("secret"))
    }

    @Test("for an old encryption there is a way out of both formats")
    func oldEncryption() {
        let text = KeyFileError.unsupportedEncryption.description
        #expect(text.contains("openssl pkcs8 -topk8") && text.contains("openssl pkcs12 -export without -legacy"))
    }

    @Test("attack: a file that asks for endless key derivation costs nothing")
    func rounds() throws {
        let file = try bytes(KeyFileSamples.tooManyRounds)
        let clock = ContinuousClock()
        let start = clock.now
        #expect(throws: KeyFileError.tooMuchWork) {
            try KeyFileReader.read(file, passphrase: Array(KeyFileSamples.passphrase.utf8))
        }
        #expect(clock.now - start < .seconds(1))
    }

    @Test("attack: cut and changed files are refused, whatever is in them")
    func damaged() async throws {
        let secret = Secret(Array(KeyFileSamples.passphrase.utf8))
        for sample in [KeyFileSamples.ec, KeyFileSamples.ecPKCS12] {
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
