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

    @Test("a certificate is told apart from one whose key is too short, and from no certificate")
    func certificate() throws {
        let path = try file(Self.shortKey)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let short = #expect(throws: CommandFailure.self) { try CertificateOptions.keySet(path) }
        #expect(short?.description.contains("2048 bits") == true)
        let other = try file("nothing")
        defer { try? FileManager.default.removeItem(atPath: other) }
        let none = #expect(throws: CommandFailure.self) { try CertificateOptions.keySet(other) }
        #expect(none?.description == "\(other) holds no certificate in PEM")
    }

    @Test("a CA file that is not there is told apart from one that holds no certificate")
    func certificateAuthority() async throws {
        let missing = await #expect(throws: CommandFailure.self) {
            try await Transport.with(certificateAuthority: "/nowhere/ca.crt") { _ in }
        }
        #expect(missing?.description.hasPrefix("cannot read /nowhere/ca.crt") == true)
        let path = try file("nothing")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let empty = await #expect(throws: CommandFailure.self) {
            try await Transport.with(certificateAuthority: path) { _ in }
        }
        #expect(empty?.description == "\(path) holds no certificates in PEM form")
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

    /// Signs itself with RSA of 1024 bits.
    private static let shortKey = """
        -----BEGIN CERTIFICATE-----
        MIIB/jCCAWegAwIBAgIUHrXqEBf3a+Ou4tGeLSZa7xjBI3UwDQYJKoZIhvcNAQEL
        BQAwEDEOMAwGA1UEAwwFYWdlbnQwIBcNMjYxMTIxMjIwMjA4WhgPMjEyNjEwMjgy
        MjAyMDhaMBAxDjAMBgNVBAMMBWFnZW50MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB
        iQKBgQChVjLaJihfBe0Bjc6hYDvR7msVgHLS6ZdQ/15S79MWZTi/MtZ6fE3QJw7i
        Xcj5KDaGA0KQIkCN2Y7003aKM69wwNDWubnP2fj413OoWJmuPkYTbDcU+6xLKLEL
        inulXqZye1cy7JyBrtlNtiy+/W0SgKZ0khun/Lu4mxblRxRmJQIDAQABo1MwUTAd
        BgNVHQ4EFgQUOr+X3I1kLU+u9xTPPGzmjvj7RHUwHwYDVR0jBBgwFoAUOr+X3I1k
        LU+u9xTPPGzmjvj7RHUwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOB
        gQCBdXEriTEYT0nmGKlQ+qBtK3GrkPWTE06izTjw1VZ1D6MTp1bfPXOKGeYZSjPM
        67HTATEjwrS1lB+H20Zp25joDntsQ7jPNQ1mpvPnZ8H4BXbuqKRkbbb4+KTxp8Hy
        ff2bAhuXx+f0jzrfmJG4v8br8Vxi5JTWS5t+zj6v613E6w==
        -----END CERTIFICATE-----
        """
}
