import Crypto
import FoundationEssentials
import Testing
import Vault

@Suite("Keyring and sealed boxes")
struct KeyringTests {
    let rootKey = RootKey.generate()
    let place = Place(table: "signing_keys", row: "kid-1", version: 3, purpose: "signing key")

    @Test("AES-256-GCM is the published one (GCM specification, test cases 14 and 16)")
    func cipher() throws {
        let zeros = try AES.GCM.seal(
            [UInt8](repeating: 0, count: 16), using: SymmetricKey(data: [UInt8](repeating: 0, count: 32)),
            nonce: AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12)))
        #expect(Array(zeros.ciphertext).hex == "cea7403d4d606b6e074ec5d3baf39d18")
        #expect(Array(zeros.tag).hex == "d0d1c8a799996bf0265b98b5d48ab919")

        let key = [UInt8](hex: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
        let sealed = try AES.GCM.seal(
            [UInt8](
                hex: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                    + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
            using: SymmetricKey(data: key), nonce: AES.GCM.Nonce(data: [UInt8](hex: "cafebabefacedbaddecaf888")),
            authenticating: [UInt8](hex: "feedfacedeadbeeffeedfacedeadbeefabaddad2"))
        #expect(
            Array(sealed.ciphertext).hex
                == "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662")
        #expect(Array(sealed.tag).hex == "76fc6ece0f4e1768cddf8853bb2d551b")
    }

    @Test("a box made by another implementation from the documented format opens")
    func golden() throws {
        // Root key: bytes 0 to 31. Key of term 7: bytes 32 to 63. Nonces: 12 times 0x11 and 12 times 0x22.
        let row = WrappedTerm(
            number: 7,
            box: [UInt8](
                hex: "0100000007111111111111111111111111a041b69c9c25098940560f296d083e95"
                    + "d32eb2962104a65e15e2a13d145efd6d1edb0983e2c74211f586e3cdd6e59152"),
            createdAt: 0)
        let ring = try Keyring(rootKey: .counting(), terms: [row])
        let box = try SealedBox(
            bytes: [UInt8](
                hex: "0100000007222222222222222222222222fd31c80202fc0c47b6a0a838b718"
                    + "8950f247e30dac4a8dd0313ede2e5e33"))
        #expect(box.term == 7)
        #expect(try ring.open(box, at: place).bytes == Array("attack at dawn".utf8))
    }

    @Test("what is sealed opens at its place, at any length", arguments: [0, 1, 31, 32, 1_000, 65_536])
    func roundTrip(length: Int) throws {
        let (ring, _) = try Keyring.create(rootKey: rootKey, now: 1)
        let plaintext = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
        let box = try ring.seal(plaintext, at: place)
        #expect(box.bytes.count == 33 + length)
        #expect(box.bytes.prefix(5) == [1, 0, 0, 0, 1])
        #expect(try ring.open(SealedBox(bytes: box.bytes), at: place).bytes == plaintext)
    }

    @Test("sealing the same value twice gives two different boxes")
    func freshNonce() throws {
        let (ring, _) = try Keyring.create(rootKey: rootKey, now: 1)
        #expect(try ring.seal([1], at: place) != ring.seal([1], at: place))
    }

    @Test(
        "a box that was moved to another place does not open there",
        arguments: [
            Place(table: "client_secrets", row: "kid-1", version: 3, purpose: "signing key"),
            Place(table: "signing_keys", row: "kid-2", version: 3, purpose: "signing key"),
            Place(table: "signing_keys", row: "kid-1", version: 2, purpose: "signing key"),
            Place(table: "signing_keys", row: "kid-1", version: 3, purpose: "digest key"),
            Place(table: "signing_keyskid", row: "-1", version: 3, purpose: "signing key"),
            Place(table: "signing_keys", row: "", version: 3, purpose: "kid-1signing key"),
            Place(table: "", row: "signing_keyskid-1", version: 3, purpose: "signing key"),
        ])
    func moved(elsewhere: Place) throws {
        let (ring, _) = try Keyring.create(rootKey: rootKey, now: 1)
        let box = try ring.seal([1, 2, 3], at: place)
        #expect(throws: VaultError.cannotOpen(place: elsewhere.description)) { try ring.open(box, at: elsewhere) }
    }

    @Test("two boxes that change places both stay shut")
    func swapped() throws {
        let (ring, _) = try Keyring.create(rootKey: rootKey, now: 1)
        let other = Place(table: "signing_keys", row: "kid-2", version: 3, purpose: "signing key")
        let here = try ring.seal([1], at: place)
        let there = try ring.seal([2], at: other)
        #expect(throws: VaultError.self) { try ring.open(there, at: place) }
        #expect(throws: VaultError.self) { try ring.open(here, at: other) }
    }

    @Test("a box with any single bit flipped is refused")
    func everyBit() throws {
        let (first, _) = try Keyring.create(rootKey: rootKey, now: 1)
        // A second term, so that a flipped term number can also name a term that exists.
        let (ring, _) = try first.addingTerm(rootKey: rootKey, now: 2)
        let box = try ring.seal([0, 0xff, 42], at: place)
        for index in box.bytes.indices {
            for bit in 0..<8 {
                var bytes = box.bytes
                bytes[index] ^= 1 << bit
                #expect(throws: VaultError.self, "byte \(index), bit \(bit)") {
                    try ring.open(SealedBox(bytes: bytes), at: place)
                }
            }
        }
    }

    @Test("a box that names another existing term is refused")
    func otherTerm() throws {
        let (first, _) = try Keyring.create(rootKey: rootKey, now: 1)
        let (ring, _) = try first.addingTerm(rootKey: rootKey, now: 2)
        var bytes = try ring.seal([1], at: place).bytes
        bytes[4] = 1
        #expect(throws: VaultError.cannotOpen(place: place.description)) {
            try ring.open(SealedBox(bytes: bytes), at: place)
        }
    }

    @Test("a box that was cut or lengthened is refused")
    func truncated() throws {
        let (ring, _) = try Keyring.create(rootKey: rootKey, now: 1)
        let bytes = try ring.seal([1, 2, 3], at: place).bytes
        for count in 0..<bytes.count {
            #expect(throws: VaultError.self) { try ring.open(SealedBox(bytes: Array(bytes[..<count])), at: place) }
        }
        #expect(throws: VaultError.self) { try ring.open(SealedBox(bytes: bytes + [0]), at: place) }
    }

    @Test("bytes of an unknown format, of term 0 or too short are no box")
    func malformed() {
        for bytes in [
            [], [1], [UInt8](repeating: 0, count: 40), [2, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 28),
            [1, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 28), [1, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 27),
        ] {
            #expect(throws: VaultError.malformedBox) { try SealedBox(bytes: bytes) }
        }
    }

    @Test("a new term seals, and the older one still opens what it sealed")
    func terms() throws {
        let (first, firstRow) = try Keyring.create(rootKey: rootKey, now: 1_000)
        let old = try first.seal([1], at: place)
        let (second, secondRow) = try first.addingTerm(rootKey: rootKey, now: 2_000)
        #expect(firstRow.number == 1)
        #expect(firstRow.createdAt == 1_000)
        #expect(secondRow.number == 2)
        #expect(secondRow.createdAt == 2_000)
        #expect(second.terms == [1, 2])
        #expect(second.activeTerm == 2)
        #expect(try second.seal([2], at: place).term == 2)
        #expect(try second.open(old, at: place).bytes == [1])
    }

    @Test("adding a term leaves the ring it came from as it was")
    func copied() throws {
        let (first, _) = try Keyring.create(rootKey: rootKey, now: 1)
        let (second, _) = try first.addingTerm(rootKey: rootKey, now: 2)
        #expect(first.terms == [1])
        #expect(first.activeTerm == 1)
        let box = try second.seal([1], at: place)
        #expect(throws: VaultError.unknownTerm(2)) { try first.open(box, at: place) }
    }

    @Test("a stored ring opens from its rows in any order, and its highest term is active")
    func stored() throws {
        let (first, firstRow) = try Keyring.create(rootKey: rootKey, now: 1)
        let (second, secondRow) = try first.addingTerm(rootKey: rootKey, now: 2)
        let box = try second.seal([7], at: place)
        let reopened = try Keyring(rootKey: rootKey, terms: [secondRow, firstRow])
        #expect(reopened.terms == [1, 2])
        #expect(reopened.activeTerm == 2)
        #expect(try reopened.open(box, at: place).bytes == [7])
    }

    @Test("another root key does not open the ring")
    func wrongRootKey() throws {
        let (_, row) = try Keyring.create(rootKey: rootKey, now: 1)
        #expect(throws: VaultError.cannotUnwrapTerm(1)) { try Keyring(rootKey: .generate(), terms: [row]) }
    }

    @Test("a term's row that was given another number is refused")
    func renumbered() throws {
        let (first, firstRow) = try Keyring.create(rootKey: rootKey, now: 1)
        let (_, secondRow) = try first.addingTerm(rootKey: rootKey, now: 2)
        let renumbered = WrappedTerm(number: 9, box: firstRow.box, createdAt: 1)
        #expect(throws: VaultError.cannotUnwrapTerm(9)) { try Keyring(rootKey: rootKey, terms: [renumbered]) }
        let swapped = WrappedTerm(number: 1, box: secondRow.box, createdAt: 1)
        #expect(throws: VaultError.cannotUnwrapTerm(1)) { try Keyring(rootKey: rootKey, terms: [swapped]) }
    }

    @Test("a ring without terms, with a repeated term or with an impossible number is refused")
    func impossible() throws {
        let (_, row) = try Keyring.create(rootKey: rootKey, now: 1)
        #expect(throws: VaultError.noTerms) { try Keyring(rootKey: rootKey, terms: []) }
        #expect(throws: VaultError.repeatedTerm(1)) { try Keyring(rootKey: rootKey, terms: [row, row]) }
        for number in [0, -1, Int.max] {
            let term = WrappedTerm(number: number, box: row.box, createdAt: 1)
            #expect(throws: VaultError.termOutOfRange(number)) { try Keyring(rootKey: rootKey, terms: [term]) }
        }
    }

    @Test("a damaged term is refused by its number")
    func damagedTerm() throws {
        let (_, row) = try Keyring.create(rootKey: rootKey, now: 1)
        let flipped = Array(row.box.dropLast()) + [(row.box.last ?? 0) ^ 1]
        for box in [[], [1, 2, 3], flipped] {
            let term = WrappedTerm(number: 1, box: box, createdAt: 1)
            #expect(throws: VaultError.cannotUnwrapTerm(1)) { try Keyring(rootKey: rootKey, terms: [term]) }
        }
    }

    @Test("a ring does not show its keys in text")
    func redacted() throws {
        let (ring, _) = try Keyring.create(rootKey: rootKey, now: 1)
        var dumped = ""
        dump(ring, to: &dumped)
        for text in [String(describing: ring), String(reflecting: ring), dumped] {
            #expect(text.contains("[redacted]"))
            #expect(!text.contains("SecureBytes"))
        }
    }

    @Test("no error text holds what was sealed")
    func errorTexts() throws {
        let (ring, _) = try Keyring.create(rootKey: rootKey, now: 1)
        let box = try ring.seal(Array("hunter2".utf8), at: place)
        let elsewhere = Place(table: "t", row: "r", purpose: "p")
        let error = #expect(throws: VaultError.self) { try ring.open(box, at: elsewhere) }
        #expect(error?.description.contains("t/r version 1 (p)") == true)
        #expect(error?.description.contains("hunter2") == false)
    }
}
