import OAuth
import Testing
import Vault

@testable import Server

@Suite("Events are pushed to where they may be pushed")
struct GuardedPushTests {
    /// It may be slow here: what is asked of it is that it comes.
    private let local = GuardedFetcher(allowsLoopback: true, timeLimit: .seconds(60), resolver: HostResolver())

    private func push(
        to server: ScriptedServer, _ courier: GuardedFetcher? = nil, authorization: Secret? = nil
    ) async throws(FetchError) -> PushAnswer {
        try await (courier ?? local).push(
            "a.b.c", to: "http://127.0.0.1:\(server.port)/events?x=1", authorization: authorization,
            allowPrivate: false
        )
    }

    @Test("a push is a POST of the token with the receiver's credential, and no other")
    func request() async throws {
        let server = try ScriptedServer { $0.answer("202 Accepted") }
        #expect(try await push(to: server, authorization: Secret(Array("Bearer s".utf8))) == PushAnswer(status: 202))
        let head = try #require(server.requests.first?.lowercased())
        #expect(head.hasPrefix("post /events?x=1 http/1.1\r\n"))
        #expect(head.contains("\r\ncontent-type: application/secevent+jwt\r\n"))
        #expect(head.contains("\r\nauthorization: bearer s\r\n"))
        #expect(head.contains("\r\ncontent-length: 5\r\n"))
        _ = try await push(to: server)
        #expect(server.requests.last?.lowercased().contains("authorization") == false)
    }

    @Test("a redirect is an answer like any other, and is not followed")
    func redirect() async throws {
        let target = try ScriptedServer { $0.answer("202 Accepted") }
        let server = try ScriptedServer { connection in
            connection.answer("307 Temporary Redirect", ["Location: http://127.0.0.1:\(target.port)/"])
        }
        #expect(try await push(to: server) == PushAnswer(status: 307))
        #expect(target.requests.isEmpty)
    }

    @Test(
        "the code of a refusal is read when it is a plain word",
        arguments: [
            (#"{"err":"invalid_key","description":"x"}"#, "invalid_key"), (#"{"err":"a\nb"}"#, nil), ("{}", nil),
            ("nonsense", nil), (#"{"err":"\#(String(repeating: "a", count: 5000))"}"#, nil),
        ] as [(String, String?)])
    func refusal(_ body: String, _ code: String?) async throws {
        let server = try ScriptedServer { $0.answer("400 Bad Request", ["Content-Type: application/json"], body: body) }
        #expect(try await push(to: server) == PushAnswer(status: 400, refusal: code))
    }

    @Test("an address that is not allowed is not connected to")
    func guarded() async throws {
        let server = try ScriptedServer { $0.answer("202 Accepted") }
        let abroad = GuardedFetcher(allowsLoopback: false)
        await #expect(throws: FetchError.self) { try await push(to: server, abroad) }
        #expect(server.requests.isEmpty)
        for host in ["169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]"] {
            await #expect(throws: FetchError.self) {
                try await local.push("a.b.c", to: "https://\(host)/", authorization: nil, allowPrivate: false)
            }
        }
    }
}
