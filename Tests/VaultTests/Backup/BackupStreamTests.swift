import Testing

@testable import Vault

@Suite("The encrypted content of a backup")
struct BackupStreamTests {
    private let key = Secret([UInt8](repeating: 7, count: 32))
    private let whole = BackupCipher.chunk + BackupCipher.tag

    @Test("a chunk is AES-256-GCM as published (GCM specification, test case 16)")
    func published() throws {
        let key = Secret([UInt8](hex: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
        let nonce = [UInt8](hex: "cafebabefacedbaddecaf888")
        let binding = [UInt8](hex: "feedfacedeadbeeffeedfacedeadbeefabaddad2")
        let plaintext = [UInt8](
            hex: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
        let sealed = try BackupCipher.seal(plaintext, nonce: nonce, key: key, binding: binding)
        #expect(
            sealed.hex
                == "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b"
        )
        #expect(try BackupCipher.open(sealed, nonce: nonce, key: key, binding: binding) == plaintext)
    }

    @Test(
        "what was sealed in pieces of any size opens in pieces of any other",
        arguments: [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000], [1_000, 65_536, 70_001]
    )
    func roundTrip(length: Int, piece: Int) throws {
        let content = content(length)
        let sealed = try seal(content, inPiecesOf: piece)
        #expect(Int64(sealed.count) == BackupCipher.sealedLength(of: Int64(length)))
        #expect(try open(sealed, inPiecesOf: 3_333) == content)
        #expect(try open(sealed, inPiecesOf: 1 << 20) == content)
    }

    @Test("every bit counts: a changed one anywhere is seen")
    func changed() throws {
        let sealed = try seal(content(150_000), inPiecesOf: 1 << 20)
        for position in [0, 1, whole - 1, whole, whole + 70, 2 * whole, sealed.count - 1] {
            var other = sealed
            other[position] ^= 0x10
            #expect(throws: BackupError.self) { try open(other, inPiecesOf: 1 << 20) }
        }
    }

    @Test("cut off anywhere it does not open, at the border of a chunk either")
    func truncated() throws {
        let sealed = try seal(content(3 * 65_536), inPiecesOf: 1 << 20)
        for length in [0, 1, 15, whole - 1, whole, whole + 1, 2 * whole, sealed.count - 1] {
            #expect(throws: BackupError.self) { try open(Array(sealed.prefix(length)), inPiecesOf: 1 << 20) }
        }
    }

    @Test("nothing can be put behind the end, and no chunk moved, repeated or left out")
    func rearranged() throws {
        let sealed = try seal(content(200_000), inPiecesOf: 1 << 20)
        let first = Array(sealed[..<whole])
        let second = Array(sealed[whole..<(2 * whole)])
        let rest = Array(sealed[(2 * whole)...])
        for other in [sealed + [0], sealed + first, second + first + rest, first + first + second + rest, first + rest]
        {
            #expect(throws: BackupError.self) { try open(other, inPiecesOf: 1 << 20) }
        }
        #expect(throws: Never.self) { try open(first + second + rest, inPiecesOf: 1 << 20) }
    }

    @Test("the chunk of another file does not open here")
    func foreign() throws {
        let sealed = try seal(content(100), inPiecesOf: 100)
        var opener = BackupOpener(key: Secret([UInt8](repeating: 8, count: 32)))
        _ = try opener.open(sealed)
        do {
            _ = try opener.finish()
            Issue.record("it opened")
        } catch {
            #expect(error == .damaged(chunk: 0))
        }
    }

    private func content(_ length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    private func seal(_ content: [UInt8], inPiecesOf size: Int) throws -> [UInt8] {
        var sealer = BackupSealer(key: key)
        var sealed: [UInt8] = []
        for start in stride(from: 0, to: content.count, by: size) {
            sealed += try sealer.seal(Array(content[start..<min(start + size, content.count)]))
        }
        return sealed + (try sealer.finish())
    }

    private func open(_ sealed: [UInt8], inPiecesOf size: Int) throws -> [UInt8] {
        var opener = BackupOpener(key: key)
        var opened: [UInt8] = []
        for start in stride(from: 0, to: sealed.count, by: size) {
            opened += try opener.open(Array(sealed[start..<min(start + size, sealed.count)]))
        }
        return opened + (try opener.finish())
    }
}
