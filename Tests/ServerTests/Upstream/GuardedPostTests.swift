import OAuth
import Testing
import Vault

@testable import Server

@Suite("Forms are sent to where they may be sent")
struct GuardedPostTests {
    /// It may be slow here: what is asked of it is that it comes.
    private let local = GuardedFetcher(allowsLoopback: true, timeLimit: .seconds(60), resolver: HostResolver())

    private func post(
        to server: ScriptedServer, _ fetcher: GuardedFetcher? = nil, authorization: Secret? = nil, limit: Int = 100
    ) async throws(FetchError) -> FormAnswer {
        let form = FormPost(
            url: "http://127.0.0.1:\(server.port)/token", body: Secret(Array("a=b&c=%20".utf8)),
            authorization: authorization
        )
        return try await (fetcher ?? local).post(form, allowPrivate: false, maximumBytes: limit)
    }

    @Test("a form is a POST with the client's credentials, and the answer comes back whatever its status")
    func request() async throws {
        let server = try ScriptedServer { $0.answer("400 Bad Request", body: #"{"error":"invalid_grant"}"#) }
        let answer = try await post(to: server, authorization: Secret(Array("Basic YTpi".utf8)))
        #expect(answer.status == 400 && answer.body == Array(#"{"error":"invalid_grant"}"#.utf8))
        let request = try #require(server.requests.first)
        let head = request.lowercased()
        #expect(head.hasPrefix("post /token http/1.1\r\n"))
        #expect(head.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"))
        #expect(head.contains("\r\naccept: application/json\r\n"))
        #expect(request.contains("Basic YTpi") && head.contains("\r\ncontent-length: 9\r\n"))
    }

    @Test("credentials do not follow a redirect")
    func redirect() async throws {
        let target = try ScriptedServer { $0.answer("200 OK") }
        let server = try ScriptedServer { connection in
            connection.answer("307 Temporary Redirect", ["Location: http://127.0.0.1:\(target.port)/"])
        }
        await #expect(throws: FetchError.self) { try await post(to: server) }
        #expect(target.requests.isEmpty)
    }

    @Test("a form that may have arrived is not sent again")
    func once() async throws {
        let server = try ScriptedServer { _ in }
        await #expect(throws: FetchError.self) { try await post(to: server) }
        #expect(server.requests.count == 1)
    }

    @Test("an answer that is too large or compressed is not read")
    func bounded() async throws {
        let large = try ScriptedServer { $0.answer("200 OK", body: String(repeating: "a", count: 101)) }
        await #expect(throws: FetchError.self) { try await post(to: large) }
        let exact = try ScriptedServer { $0.answer("200 OK", body: String(repeating: "a", count: 100)) }
        #expect(try await post(to: exact).body.count == 100)
        let compressed = try ScriptedServer { $0.answer("200 OK", ["Content-Encoding: gzip"], body: "x") }
        await #expect(throws: FetchError.self) { try await post(to: compressed) }
    }

    @Test("an address that is not allowed is not connected to")
    func guarded() async throws {
        let server = try ScriptedServer { $0.answer("200 OK") }
        await #expect(throws: FetchError.self) { try await post(to: server, GuardedFetcher(allowsLoopback: false)) }
        #expect(server.requests.isEmpty)
        for url in [
            "https://169.254.169.254/", "https://10.0.0.1/", "http://192.0.2.1/", "https://[::ffff:127.0.0.1]/",
        ] {
            await #expect(throws: FetchError.self) {
                let form = FormPost(url: url, body: Secret([0x61]))
                return try await local.post(form, allowPrivate: false, maximumBytes: 100)
            }
        }
    }
}
