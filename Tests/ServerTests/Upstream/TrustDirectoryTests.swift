import Foundation
import OAuth
import Support
import Testing

@testable import Server

@Suite("The directory of trusted keys")
struct TrustDirectoryTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func put(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: directory.path + "/" + name))
    }

    private func read(_ name: String, maximumBytes: Int = 100) async throws -> String {
        let fetcher = GuardedFetcher(allowsLoopback: false, trustDirectory: directory.path)
        let source = KeySource(.file(try #require(TrustFile(name))))
        return String(decoding: try await fetcher.fetch(source, maximumBytes: maximumBytes), as: UTF8.self)
    }

    @Test("a file is read, and read again when it changed")
    func reads() async throws {
        try put("one", "keys.json")
        #expect(try await read("keys.json") == "one")
        try put("two", "keys.json")
        #expect(try await read("keys.json") == "two")
    }

    @Test("a link is followed, for that is how volumes change all their files at once")
    func links() async throws {
        try put("one", "target")
        try FileManager.default.createSymbolicLink(
            atPath: directory.path + "/token", withDestinationPath: directory.path + "/target")
        #expect(try await read("token") == "one")
    }

    @Test("what is missing, no file, or too large is refused")
    func refused() async throws {
        try put(String(repeating: "x", count: 101), "large")
        try FileManager.default.createDirectory(atPath: directory.path + "/folder", withIntermediateDirectories: false)
        for name in ["missing", "large", "folder"] {
            await #expect(throws: FetchError.self, "\(name)") { try await self.read(name) }
        }
        #expect(try await read("large", maximumBytes: 101).count == 101)
    }

    @Test("without a directory there are no files, no authorities and no tokens")
    func none() async throws {
        let fetcher = GuardedFetcher(allowsLoopback: true)
        let file = try #require(TrustFile("keys.json"))
        for source in [
            KeySource(.file(file)), KeySource(.url("https://127.0.0.1:1/"), authority: file),
            KeySource(.url("https://127.0.0.1:1/"), authority: file, token: file),
            KeySource(.url("https://127.0.0.1:1/"), token: file),
        ] {
            await #expect(throws: FetchError.self) { try await fetcher.fetch(source, maximumBytes: 100) }
        }
    }

    @Test("a token is shown to nobody over plain HTTP, and a file without a certificate vouches for nobody")
    func access() async throws {
        try put("not a certificate", "ca.crt")
        try put("secret", "token")
        let fetcher = GuardedFetcher(allowsLoopback: true, trustDirectory: directory.path)
        let authority = try #require(TrustFile("ca.crt"))
        let token = try #require(TrustFile("token"))
        for url in ["http://127.0.0.1:1/", "https://127.0.0.1:1/"] {
            let source = KeySource(.url(url), authority: authority, token: token)
            let error = await #expect(throws: FetchError.self) {
                try await fetcher.fetch(source, maximumBytes: 100)
            }
            #expect(error?.description.contains("secret") == false)
        }
    }
}
