import JOSE
import Testing

@Suite("Base64url")
struct Base64URLTests {
    @Test(
        "bytes and text are those of RFC 4648",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(plain: String, encoded: String) {
        #expect(Base64URL.encode(plain.utf8) == encoded)
        #expect(Base64URL.decode(encoded) == Array(plain.utf8))
    }

    @Test("the two characters of the URL alphabet stand for 62 and 63")
    func alphabet() {
        #expect(Base64URL.encode([0xFB, 0xEF, 0xFF]) == "--__")
        #expect(Base64URL.decode("--__") == [0xFB, 0xEF, 0xFF])
    }

    @Test(
        "a text that is not canonical is refused",
        arguments: [
            "A", "AAAAA", "Zg==", "Zg=", "Zm8=", "Zh", "Zn", "Zm9", "Zm-", "Zm9v\n", "\nZm9v", "Zm 9v", "Zm9v ", "Zm9+",
            "Zm9/", "Zm9v.", "Zm9vé", "Zm9v\0", "%5A", "Zg\u{FF1D}", "====", "ＺｇＡ",
        ])
    func refused(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test("of all texts of two or three characters, one decodes to each value")
    func canonical() {
        let characters = Array(UInt8(0x20)...UInt8(0x7F))
        var seen: Set<[UInt8]> = []
        for first in characters {
            for second in characters {
                guard let bytes = Base64URL.decode([first, second]) else { continue }
                #expect(seen.insert(bytes).inserted)
            }
        }
        #expect(seen.count == 256)

        var accepted = 0
        for third in characters where Base64URL.decode([UInt8(ascii: "A"), UInt8(ascii: "A"), third]) != nil {
            accepted += 1
        }
        #expect(accepted == 16)
    }

    @Test("any bytes come back, from any kind of collection")
    func roundTrip() {
        var random = SplitMix64(state: 1)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            let text = Base64URL.encode(bytes)
            #expect(text.utf8.count == (length * 4 + 2) / 3)
            #expect(Base64URL.decode(text) == bytes)
            // A collection without contiguous storage takes another way.
            #expect(Base64URL.encode(bytes.lazy.map { $0 }) == text)
            #expect(Base64URL.decode(text.utf8.lazy.map { $0 }) == bytes)
            var out: [UInt8] = [1, 2]
            Base64URL.append(bytes[...], to: &out)
            #expect(out == [1, 2] + Array(text.utf8))
        }
    }
}
