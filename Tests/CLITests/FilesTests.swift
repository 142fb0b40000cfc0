import Foundation
import JOSE
import Testing

@testable import CLI

@Suite("What is read from files")
struct FilesTests {
    private func file(_ text: String) throws -> String {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("legate-\(UUID().uuidString)")
        try Data(text.utf8).write(to: url)
        return url.path
    }

    @Test("a secret or token is read without the newline that editors add")
    func word() throws {
        let path = try file("s3cret\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try Files.word(path, what: "secret") == "s3cret")
    }

    @Test("a file with nothing, or with several words, is refused", arguments: ["", " \n", "one two", "one\ntwo"])
    func notOneWord(text: String) throws {
        let path = try file(text)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(throws: CommandFailure.self) { try Files.word(path, what: "token") }
    }

    @Test("a key set and one key are sent as they are; private key material never")
    func keySet() throws {
        let key = try SigningKey.generate(.ed25519).publicKey
        let one = JSON.object(key.json)
        let set = JSON.object(JWKSet(keys: [key]).json)
        for json in [one, set] {
            let path = try file(json.text)
            defer { try? FileManager.default.removeItem(atPath: path) }
            #expect(try Files.keySet(path) == json)
        }
        var secret = key.json
        secret["d"] = "AAAA"
        let path = try file(JSON.object(secret).text)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(throws: CommandFailure.self) { try Files.keySet(path) }
        #expect(throws: CommandFailure.self) { try Files.keySet(path + "-gone") }
    }

    @Test("a stream is cut into lines wherever its pieces end")
    func lines() {
        var splitter = LineSplitter()
        var lines: [String] = []
        for piece in ["ab", "c\n", "\nd\ne", "f"] {
            splitter.take(Array(piece.utf8)) { lines.append(String(decoding: $0, as: UTF8.self)) }
        }
        splitter.finish { lines.append(String(decoding: $0, as: UTF8.self)) }
        #expect(lines == ["abc", "", "d", "ef"])
    }

    @Test("a form escapes everything that could end a field")
    func form() {
        #expect(FormText.encode([("a b", "x&y=é+"), ("c", "-._~")]) == "a%20b=x%26y%3D%C3%A9%2B&c=-._~")
    }
}
