import JOSE
import Testing

@testable import Vault

@Suite("The header of a backup")
struct BackupHeaderTests {
    private let salt = [UInt8](repeating: 3, count: 16)

    private func lock() throws -> BackupLock {
        BackupLock(
            term: 4,
            slots: [
                RootKeySlot(id: "f1", kind: .file, createdAt: 5),
                RootKeySlot(id: "p1", kind: .passphrase(salt: salt, cost: .standard), createdAt: 6),
            ],
            wraps: [
                WrappedTerm(number: 4, slot: "f1", box: [1, 2, 3], createdAt: 7),
                WrappedTerm(number: 4, slot: "p1", box: [4, 5, 6], createdAt: 7),
            ]
        )
    }

    private func parts(_ bytes: [UInt8]) -> (preamble: [UInt8], json: [UInt8]) {
        let length = BackupHeader.preambleLength
        return (Array(bytes.prefix(length)), Array(bytes.dropFirst(length)))
    }

    @Test("a header comes back as it was written, slots and all")
    func roundTrip() throws {
        let header = try BackupHeader(issuer: "https://a.example", createdAt: 9, content: 100_000, lock: try lock())
        let (preamble, json) = parts(header.bytes)
        #expect(try BackupHeader.length(after: preamble) == json.count)
        let read = try BackupHeader(preamble: preamble, json: json)
        #expect(read == header)
        #expect(read.lock == (try lock()))
        // Two chunks, each with a tag.
        #expect(read.fileLength == Int64(header.bytes.count) + 100_000 + 32)
    }

    @Test("two backups of the same moment have different keys")
    func ownKey() throws {
        let (keyring, wrap) = try Keyring.create(rootKey: .generate(), now: 1)
        let lock = BackupLock(term: 1, slots: [RootKeySlot(id: "f", kind: .file, createdAt: 1)], wraps: [wrap])
        let headers = try (0..<2).map { _ in
            try BackupHeader(issuer: "https://a.example", createdAt: 9, content: 3, lock: lock)
        }
        let sealed = try headers.map { try seal([1, 2, 3], under: $0, keyring) }
        #expect(sealed[0] != sealed[1])
        #expect(try open(sealed[0], under: headers[0], keyring) == [1, 2, 3])
        #expect(throws: BackupError.self) { try open(sealed[0], under: headers[1], keyring) }
    }

    @Test("the content is bound to the header: with another issuer, time or size it does not open")
    func bound() throws {
        let (keyring, wrap) = try Keyring.create(rootKey: .generate(), now: 1)
        let lock = BackupLock(term: 1, slots: [RootKeySlot(id: "f", kind: .file, createdAt: 1)], wraps: [wrap])
        let header = try BackupHeader(issuer: "https://a.example", createdAt: 9, content: 3, lock: lock)
        let sealed = try seal([1, 2, 3], under: header, keyring)
        let text = String(decoding: parts(header.bytes).json, as: UTF8.self)
        for (old, new) in [("a.example", "b.example"), (#""created_at":9"#, #""created_at":8"#)] {
            let changed = text.replacing(old, with: new)
            let other = try BackupHeader(preamble: parts(header.bytes).preamble, json: Array(changed.utf8))
            #expect(throws: BackupError.self) { try open(sealed, under: other, keyring) }
        }
    }

    @Test("a ring without the term says which one is missing")
    func missingTerm() throws {
        let (keyring, _) = try Keyring.create(rootKey: .generate(), now: 1)
        let header = try BackupHeader(issuer: "https://a.example", createdAt: 9, content: 3, lock: try lock())
        #expect(throws: BackupError.unknownTerm(4)) { try seal([], under: header, keyring) }
    }

    @Test("another file, a newer format and another cipher suite are told apart")
    func preamble() throws {
        let good = Array(
            parts(try BackupHeader(issuer: "i", createdAt: 1, content: 1, lock: try lock()).bytes).preamble)
        #expect(throws: BackupError.notABackup) { try BackupHeader.length(after: Array("SQLite format 3\0....".utf8)) }
        #expect(throws: BackupError.notABackup) { try BackupHeader.length(after: Array(good.dropLast())) }
        #expect(throws: BackupError.notABackup) { try BackupHeader.length(after: []) }
        var other = good
        other[14] = 2
        #expect(throws: BackupError.newerFormat(version: 2)) { try BackupHeader.length(after: other) }
        other = good
        other[15] = 9
        #expect(throws: BackupError.self) { try BackupHeader.length(after: other) }
        other = good
        other[16] = 0xFF
        #expect(throws: BackupError.self) { try BackupHeader.length(after: other) }
    }

    @Test(
        "attack: a header asks for a little Argon2id, or for all memory there is",
        arguments: [
            (#""memory_kib":65536"#, #""memory_kib":8"#), (#""memory_kib":65536"#, #""memory_kib":999999999999"#),
            (#""passes":3"#, #""passes":0"#), (#""lanes":4"#, #""lanes":-1"#), (#""passes":3"#, #""passes":100000"#),
        ]
    )
    func cost(_ change: (String, String)) throws {
        try refuses(change)
    }

    @Test(
        "a header that is not what was written is refused, never trapped on",
        arguments: [
            (#""content_size":1"#, #""content_size":-1"#),
            (#""content_size":1"#, #""content_size":9223372036854775807"#),
            (#""term":4"#, #""term":5"#), (#""slots":["#, #""slots":[],"x":["#),
            (#""kind":"file""#, #""kind":"other""#),
            (#""salt":""#, #""salt":"="#), (#""issuer":"i""#, #""issuer":1"#), (#""lock":{"#, #""lock":null,"x":{"#),
            (#""number":4"#, #""number":99999999999999999999"#), ("{", "["),
        ]
    )
    func malformed(_ change: (String, String)) throws {
        try refuses(change)
    }

    private func refuses(_ change: (String, String)) throws {
        let header = try BackupHeader(issuer: "i", createdAt: 1, content: 1, lock: try lock())
        let text = String(decoding: parts(header.bytes).json, as: UTF8.self)
        #expect(text.contains(change.0))
        let changed = Array(text.replacing(change.0, with: change.1).utf8)
        var preamble = Array(parts(header.bytes).preamble.dropLast(4))
        preamble.append(bigEndian: UInt32(changed.count))
        #expect(throws: BackupError.self) { try BackupHeader(preamble: preamble, json: changed) }
    }

    private func seal(_ content: [UInt8], under header: BackupHeader, _ keyring: Keyring) throws -> [UInt8] {
        var sealer = try header.sealer(with: keyring)
        let first = try sealer.seal(content)
        return first + (try sealer.finish())
    }

    private func open(_ sealed: [UInt8], under header: BackupHeader, _ keyring: Keyring) throws -> [UInt8] {
        var opener = try header.opener(with: keyring)
        let first = try opener.open(sealed)
        return first + (try opener.finish())
    }
}
