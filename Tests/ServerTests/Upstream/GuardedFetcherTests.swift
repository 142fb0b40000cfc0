import Glibc
import OAuth
import Synchronization
import Testing

@testable import Server

@Suite("Documents are fetched from where they may be fetched")
struct GuardedFetcherTests {
    /// Names as a test wants them, and how often they were asked for.
    private final class Names: Sendable {
        private let table: [String: [String]]
        private let asked = Mutex<[String]>([])

        init(_ table: [String: [String]]) { self.table = table }

        var lookUps: [String] { asked.withLock { $0 } }

        var resolver: HostResolver {
            HostResolver { [self] host in
                asked.withLock { $0.append(host) }
                return table[host, default: []].compactMap { IPAddress($0) }
            }
        }
    }

    private func failure(
        _ fetcher: GuardedFetcher, _ url: String, allowPrivate: Bool = false, maximumBytes: Int = 4096
    ) async -> String {
        do {
            let bytes = try await fetcher.fetch(url, allowPrivate: allowPrivate, maximumBytes: maximumBytes)
            return "fetched \(bytes.count) bytes"
        } catch {
            return error.description
        }
    }

    /// It may be slow here: what is asked of it is that it comes.
    private let local = GuardedFetcher(allowsLoopback: true, timeLimit: .seconds(60), resolver: HostResolver())

    // MARK: What is fetched

    @Test("a document on loopback is fetched, by a request without credentials")
    func plain() async throws {
        let server = try ScriptedServer { $0.answer("200 OK", ["Content-Type: text/html"], body: #"{"keys":[]}"#) }
        let bytes = try await local.fetch(
            "http://127.0.0.1:\(server.port)/keys?x=1", allowPrivate: false, maximumBytes: 11
        )
        #expect(String(decoding: bytes, as: UTF8.self) == #"{"keys":[]}"#)
        let head = try #require(server.requests.first?.lowercased())
        #expect(head.hasPrefix("get /keys?x=1 http/1.1\r\n"))
        #expect(head.contains("\r\naccept: application/json, application/jwk-set+json\r\n"))
        #expect(head.contains("\r\nhost: 127.0.0.1:\(server.port)\r\n"))
        for name in ["authorization", "cookie", "accept-encoding", "referer"] { #expect(!head.contains(name)) }
    }

    @Test("the connection goes to the address that was checked, and the name is looked up once")
    func pinned() async throws {
        let names = Names(["localhost": ["127.0.0.2"]])
        let server = try ScriptedServer(on: "127.0.0.2") { $0.answer("200 OK", body: "[]") }
        let fetcher = GuardedFetcher(allowsLoopback: true, timeLimit: .seconds(60), resolver: names.resolver)
        let bytes = try await fetcher.fetch("http://localhost:\(server.port)/", allowPrivate: false, maximumBytes: 2)
        #expect(bytes == Array("[]".utf8))
        #expect(names.lookUps == ["localhost"])
        #expect(server.requests.first?.lowercased().contains("\r\nhost: localhost:\(server.port)\r\n") == true)
    }

    @Test("the next address is tried when nobody listens at the first")
    func nextAddress() async throws {
        let names = Names(["localhost": ["::1", "127.0.0.3", "127.0.0.1"]])
        let server = try ScriptedServer { $0.answer("200 OK", body: "[]") }
        let fetcher = GuardedFetcher(allowsLoopback: true, timeLimit: .seconds(60), resolver: names.resolver)
        let bytes = try await fetcher.fetch("http://localhost:\(server.port)/", allowPrivate: false, maximumBytes: 2)
        #expect(bytes == Array("[]".utf8))
    }

    // MARK: Where nothing is fetched from

    @Test(
        "unusual and special hosts are refused before anybody is asked for them",
        arguments: [
            "https://127.1/", "https://0x7f000001/", "https://0x7f.1/", "https://2130706433/", "https://0177.0.0.1/",
            "https://127.0.0.1./", "https://127.0.0.256/", "https://1.2.3.4.5/", "https://host.0x1f/",
            "https://host.1/",
            "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/", "https://[::]/",
            "https://[fe80::1]/", "https://[ff02::1]/", "https://0.0.0.0/", "https://169.254.169.254/latest/",
            "https://100.100.100.200/", "https://224.0.0.1/", "https://[1:2]/", "https://[::1%25lo]/", "https:///",
            "https://user@keys.example/", "https://user:pass@keys.example/", "https://keys.example/#part",
            "https://keys.example\\@127.0.0.1/", "https://keys%2eexample/", "//keys.example/", "keys.example", "",
            "http://keys.example/", "http://10.0.0.1/", "ftp://keys.example/", "file:///etc/passwd",
            "http+unix://%2Frun%2Fdocker.sock/", "https+unix://x/", "https://keys.example:0/",
            "https://keys.example:x/",
        ])
    func refusedUnasked(_ url: String) async {
        let names = Names(["keys.example": ["127.0.0.1"]])
        let fetcher = GuardedFetcher(allowsLoopback: true, timeLimit: .seconds(60), resolver: names.resolver)
        let failure = await failure(fetcher, url, allowPrivate: true)
        // The words of a refusal, not those of a connection that failed.
        #expect(failure.hasPrefix("only ") || failure.hasPrefix("the host is "), "\(failure)")
        #expect(names.lookUps.isEmpty)
    }

    @Test("loopback is not connected to unless Legate is on loopback itself, or the operator allowed the host")
    func noLoopback() async throws {
        let server = try ScriptedServer { $0.answer("200 OK", body: "[]") }
        let names = Names(["keys.example": ["127.0.0.1"], "localhost": ["127.0.0.1"]])
        let fetcher = GuardedFetcher(allowsLoopback: false, resolver: names.resolver)
        for url in [
            "http://127.0.0.1:\(server.port)/", "https://127.0.0.1:\(server.port)/", "https://[::1]:\(server.port)/",
            "http://localhost:\(server.port)/", "https://localhost:\(server.port)/",
            "https://keys.example:\(server.port)/",
        ] {
            #expect(await !failure(fetcher, url, allowPrivate: false).hasPrefix("fetched"), "\(url)")
        }
        #expect(server.requests.isEmpty)
        #expect(await failure(fetcher, "http://127.0.0.1:\(server.port)/", allowPrivate: true).hasPrefix("fetched"))
    }

    @Test("one address that must not be reached refuses the whole name")
    func mixed() async throws {
        let names = Names([
            "private.example": ["93.184.216.34", "10.0.0.5"], "local.example": ["93.184.216.34", "127.0.0.1"],
            "metadata.example": ["93.184.216.34", "169.254.169.254"], "none.example": [],
        ])
        let fetcher = GuardedFetcher(allowsLoopback: false, resolver: names.resolver)
        #expect(await failure(fetcher, "https://private.example/").contains("private network"))
        #expect(await failure(fetcher, "https://local.example/").contains("never fetched from"))
        #expect(await failure(fetcher, "https://metadata.example/", allowPrivate: true).contains("never fetched from"))
        #expect(await failure(fetcher, "https://none.example/") == "the host cannot be resolved")
    }

    @Test("a private network is reached when the operator allows it, its link-local neighbours never")
    func allowedPrivate() async throws {
        let names = Names([
            "corp.example": ["10.0.0.5", "fd12::5"], "link.example": ["fe80::5"], "shared.example": ["100.64.0.5"],
        ])
        let fetcher = GuardedFetcher(allowsLoopback: false, resolver: names.resolver)
        func addresses(_ url: String, allowPrivate: Bool) async throws -> [IPAddress] {
            try await fetcher.checkedAddresses(
                of: try FetchTarget(url, allowsLoopback: false), allowPrivate: allowPrivate
            )
        }
        #expect(
            try await addresses("https://corp.example/", allowPrivate: true).map(\.text) == [
                "10.0.0.5", "fd12:0:0:0:0:0:0:5",
            ])
        #expect(try await addresses("https://192.168.1.1/", allowPrivate: true).map(\.text) == ["192.168.1.1"])
        for (url, allowPrivate) in [
            ("https://corp.example/", false), ("https://link.example/", true), ("https://shared.example/", true),
        ] {
            await #expect(throws: FetchError.self) { try await addresses(url, allowPrivate: allowPrivate) }
        }
    }

    @Test("what is spoken to without TLS is on loopback by its address too")
    func plainElsewhere() async {
        let fetcher = GuardedFetcher(
            allowsLoopback: true, resolver: Names(["localhost": ["93.184.216.34"]]).resolver
        )
        #expect(await failure(fetcher, "http://localhost/").contains("never fetched from"))
    }

    // MARK: Answers that are not taken

    @Test(
        "a redirect is an error and is not followed", arguments: ["301 Moved", "302 Found", "307 Temporary Redirect"])
    func redirect(_ status: String) async throws {
        let server = try ScriptedServer { $0.answer(status, ["Location: /elsewhere"]) }
        #expect(await failure(local, "http://127.0.0.1:\(server.port)/").contains("redirect"))
        #expect(server.requests.count == 1)
    }

    @Test("only 200 is an answer", arguments: ["404 Not Found", "500 Broken", "201 Created", "204 No Content"])
    func status(_ status: String) async throws {
        let server = try ScriptedServer { $0.answer(status) }
        let code = try #require(status.split(separator: " ").first)
        #expect(await failure(local, "http://127.0.0.1:\(server.port)/") == "the answer is \(code), not 200")
    }

    @Test("a compressed document is refused")
    func compressed() async throws {
        let server = try ScriptedServer { $0.answer("200 OK", ["Content-Encoding: gzip"], body: "[]") }
        #expect(await failure(local, "http://127.0.0.1:\(server.port)/").contains("compressed"))
    }

    @Test("a document of exactly the largest size is taken, one byte more is not")
    func largest() async throws {
        let server = try ScriptedServer { $0.answer("200 OK", body: String(repeating: "x", count: 1000)) }
        let url = "http://127.0.0.1:\(server.port)/"
        #expect(await failure(local, url, maximumBytes: 1000) == "fetched 1000 bytes")
        #expect(await failure(local, url, maximumBytes: 999) == "the document is larger than 999 bytes")
    }

    @Test("an endless document without a length is cut off at the limit")
    func endless() async throws {
        let server = try ScriptedServer { connection in
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "3e8\r\n" + String(repeating: "x", count: 1000) + "\r\n"
            for _ in 0..<100_000 where !connection.send(chunk) { return }
        }
        #expect(await failure(local, "http://127.0.0.1:\(server.port)/") == "the document is larger than 4096 bytes")
    }

    @Test("a document cut short is an error")
    func short() async throws {
        let server = try ScriptedServer { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]") }
        #expect(await !failure(local, "http://127.0.0.1:\(server.port)/").hasPrefix("fetched"))
    }

    // MARK: Time

    @Test("a document that trickles in is given up when the time is over")
    func trickle() async throws {
        let server = try ScriptedServer { connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")
            for _ in 0..<400 {
                usleep(50_000)
                guard connection.send("x") else { return }
            }
        }
        try await expectTimeout("http://127.0.0.1:\(server.port)/", resolver: HostResolver())
    }

    @Test("a server that says nothing is given up when the time is over")
    func silent() async throws {
        let server = try ScriptedServer { _ in usleep(60_000_000) }
        try await expectTimeout("http://127.0.0.1:\(server.port)/", resolver: HostResolver())
    }

    @Test("a name server that does not answer is given up when the time is over")
    func slowNames() async throws {
        let resolver = HostResolver { _ in
            usleep(60_000_000)
            return []
        }
        try await expectTimeout("https://keys.example/", resolver: resolver)
    }

    private func expectTimeout(_ url: String, resolver: HostResolver) async throws {
        let fetcher = GuardedFetcher(allowsLoopback: true, timeLimit: .milliseconds(300), resolver: resolver)
        // Had nobody given up, there would be another answer in the end.
        #expect(await failure(fetcher, url).contains("did not arrive within"))
    }

    @Test("the time limit is three seconds")
    func threeSeconds() async throws {
        let server = try ScriptedServer { _ in usleep(60_000_000) }
        let fetcher = GuardedFetcher(allowsLoopback: true)
        #expect(await failure(fetcher, "http://127.0.0.1:\(server.port)/").contains("3.0 seconds"))
    }
}
