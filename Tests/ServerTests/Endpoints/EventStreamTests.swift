import HTTPTypes
import JOSE
import OAuth
import Revocations
import Support
import Testing

@Suite("Event streams over HTTP")
struct EventStreamTests {
    private func start() async throws -> (kit: LegateKit, http: HTTPTester, board: Party) {
        let kit = try await LegateKit.start()
        let board = try await kit.createAgent(
            "board", scopes: ["revocations:read"], resources: [kit.server.registry.ownResources.revocations.uri],
            with: ["kind": "gateway"]
        )
        try await kit.create(.receiver, ["receiver_id": "stream", "client_id": "board"])
        return (kit, try kit.http(), board)
    }

    private func post(
        _ http: HTTPTester, _ path: String, _ body: JSONObject, as party: Party?, type: String = "application/json"
    ) async throws -> HTTPExchange {
        var headers = [("Content-Type", type)]
        if case .basic(let secret)? = party?.proof {
            headers.append(("Authorization", Form.basic(party?.id.text ?? "", secret)))
        }
        return try await http.send(.init(.post, path, headers: headers, body: body.serialized))
    }

    @Test("the configuration of the transmitter is public")
    func configuration() async throws {
        let (_, http, _) = try await start()
        let answer = try await http.get("/.well-known/ssf-configuration")
        #expect(answer.status == 200 && answer.headers[.accessControlAllowOrigin] == "*")
        #expect(answer.json["spec_version"] == "1_0" && answer.json["issuer"] == "https://auth.example.com")
    }

    @Test("who may not follow revocations has no streams", arguments: ["/ssf/poll", "/ssf/verify"])
    func unauthorized(_ path: String) async throws {
        let (kit, http, _) = try await start()
        let stranger = try await post(http, path, [:], as: nil)
        #expect(stranger.status == 401 && stranger.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
        #expect(try await post(http, path, [:], as: kit.planner).status == 403)
        #expect(try await post(http, path, [:], as: Party(World.id("board"), .basic("wrong"))).status == 401)
    }

    @Test("a poll gives what was revoked, and its answer is kept by nobody")
    func poll() async throws {
        let (kit, http, board) = try await start()
        try await kit.end(.task, "planner/t")
        let answer = try await post(http, "/ssf/poll", ["returnImmediately": true], as: board)
        #expect(answer.status == 200 && answer.headers[.cacheControl] == "no-store")
        #expect(answer.json["sets"]?.object?.count == 1 && answer.json["moreAvailable"] == false)
        #expect(try await post(http, "/ssf/poll", ["maxEvents": "x"], as: board).status == 400)
        let form = "application/x-www-form-urlencoded"
        #expect(try await post(http, "/ssf/poll", [:], as: board, type: form).status == 400)
    }

    @Test("a verification is 204, a second one 429 with the time to wait")
    func verify() async throws {
        let (_, http, board) = try await start()
        let body: JSONObject = ["stream_id": "stream", "state": "x"]
        let first = try await post(http, "/ssf/verify", body, as: board)
        #expect(first.status == 204 && first.answer.body.isEmpty)
        let second = try await post(http, "/ssf/verify", body, as: board)
        #expect(second.status == 429 && second.headers[HTTPField.Name("Retry-After") ?? .server] == "60")
        #expect(second.json["error"] == "slow_down")
        #expect(try await post(http, "/ssf/verify", ["stream_id": "other"], as: board).status == 404)
    }

    @Test("an operator verifies any stream, with the scope to revoke")
    func operators() async throws {
        let (kit, http, _) = try await start()
        let path = "/admin/event-receivers/stream/verify"
        let reader = try await kit.adminToken(scope: "revocations:read")
        #expect(try await http.admin(.post, path, token: reader, ["state": "x"]).status == 403)
        let token = try await kit.adminToken()
        #expect(try await http.admin(.post, path, token: token, ["nonsense": "x"]).status == 400)
        #expect(try await http.admin(.post, path, token: token, ["state": "x"]).status == 204)
        #expect(try await http.admin(.post, "/admin/event-receivers/none/verify", token: token, [:]).status == 404)
    }

    @Test("receivers are registered like everything else, and never show their credential")
    func registered() async throws {
        let (kit, http, _) = try await start()
        let token = try await kit.adminToken()
        let draft: JSONObject = [
            "receiver_id": "siem", "endpoint": "https://siem.example.com", "authorization_header": "Bearer s3cret",
        ]
        let made = try await http.admin(.post, "/admin/event-receivers", token: token, draft)
        #expect(made.status == 201)
        #expect(made.headers[.location] == "https://auth.example.com/admin/event-receivers/siem")
        let shown = try await http.admin(.get, "/admin/event-receivers/siem", token: token)
        let list = try await http.admin(.get, "/admin/event-receivers", token: token)
        for answer in [made, shown, list] { #expect(!answer.answer.text.contains("s3cret")) }
        #expect(list.json["items"]?.array?.compactMap { $0.object?["receiver_id"]?.string } == ["siem", "stream"])
        let again = try await http.admin(.post, "/admin/event-receivers", token: token, draft)
        #expect(again.status == 409)
        #expect(try await http.admin(.delete, "/admin/event-receivers/siem", token: token).status == 204)
    }
}
