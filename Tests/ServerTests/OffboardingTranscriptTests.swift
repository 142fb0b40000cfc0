import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

@Suite("On the wire: tasks end, people leave")
struct OffboardingTranscriptTests {
    private static let sessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"

    private func push(_ http: HTTPTester, _ body: String, type: String? = "application/secevent+jwt") async throws
        -> HTTPExchange
    {
        let headers = type.map { [("Content-Type", $0)] } ?? []
        return try await http.send(.init(.post, "/events", headers: headers, body: Array(body.utf8)))
    }

    @Test("a task is completed")
    func tasks() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let operatorToken = try await kit.adminToken()
        let auditor = try await kit.adminToken(kit.auditor)
        var transcript = Transcript("task-completion")
        transcript.add(
            "by its client", try await http.post("/tasks/invoice-42/complete", Form(), as: kit.planner))
        transcript.add(
            "a second time", try await http.post("/tasks/planner%2Finvoice-42/complete", Form(), as: kit.planner))
        transcript.add(
            "without a body at all",
            try await http.send(
                .init(
                    .post, "/tasks/invoice-43/complete",
                    headers: [("Authorization", Form.basic("planner", kit.planner.secret ?? ""))])))
        transcript.add(
            "by another client", try await http.post("/tasks/planner%2Finvoice-42/complete", Form(), as: kit.worker))
        transcript.add("by nobody", try await http.post("/tasks/invoice-42/complete", Form()))
        transcript.add(
            "a name that is none", try await http.post("/tasks/in%20voice/complete", Form(), as: kit.planner))
        transcript.add(
            "by an operator",
            try await http.post(
                "/tasks/planner%2Finvoice-44/complete", Form([("reason", "wrong invoice")]),
                headers: [("Authorization", "Bearer \(operatorToken)")]))
        transcript.add(
            "by an operator who may not",
            try await http.post(
                "/tasks/planner%2Finvoice-45/complete", Form(), headers: [("Authorization", "Bearer \(auditor)")]))
        transcript.add(
            "in the admin API",
            try await http.admin(
                .post, "/admin/tasks/planner/invoice-46/complete", token: operatorToken, ["reason": "wrong invoice"]))
        transcript.add(
            "in the admin API, a name that is none",
            try await http.admin(.post, "/admin/tasks/planner/in%20voice/complete", token: operatorToken, [:]))
        transcript.add("another method", try await http.get("/tasks/invoice-42/complete"))
        try transcript.check()
    }

    @Test("a security event comes in")
    func events() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(to: kit.planner)
        func event(_ id: String, _ claims: JSONObject = [:]) throws -> String {
            let named: JSONObject = ["jti": .string(id)]
            return try kit.corp.event(Self.sessionRevoked, to: kit.issuer, claims: named.merging(patch: claims))
        }
        var transcript = Transcript("security-events")
        let ended = try event("event-1")
        transcript.add("a user's session has ended", try await push(http, ended))
        transcript.add("once more", try await push(http, ended))
        transcript.add(
            "for somebody else", try await push(http, try event("event-2", ["aud": "https://x.example.com"])))
        transcript.add("of a stranger", try await push(http, try event("event-3", ["iss": "https://x.example.com"])))
        transcript.add("not a token", try await push(http, "hello"))
        transcript.add("another content type", try await push(http, ended, type: "application/jwt"))
        transcript.add("another method", try await http.get("/events"))
        try transcript.check()
    }

    @Test("global token revocation")
    func global() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(to: kit.planner)
        let token = try await kit.adminToken()
        let auditor = try await kit.adminToken(kit.auditor)
        let path = "/global-token-revocation"
        func user(_ name: String) -> JSONObject {
            ["sub_id": ["format": "iss_sub", "iss": .string(kit.corp.url.text), "sub": .string(name)]]
        }
        var transcript = Transcript("global-token-revocation")
        transcript.add("a user has left", try await http.admin(.post, path, token: token, user("alice")))
        transcript.add("a user whom nobody knows", try await http.admin(.post, path, token: token, user("mallory")))
        transcript.add(
            "another format",
            try await http.admin(
                .post, path, token: token, ["sub_id": ["format": "email", "email": "alice@example.com"]]))
        transcript.add("no subject", try await http.admin(.post, path, token: token, [:]))
        transcript.add("without a token", try await http.admin(.post, path, token: nil, user("alice")))
        transcript.add("without the scope", try await http.admin(.post, path, token: auditor, user("alice")))
        transcript.add("another method", try await http.admin(.get, path, token: token))
        try transcript.check()
    }

    @Test("all clients of an owner are disabled")
    func owner() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        let path = "/admin/clients/disable"
        var transcript = Transcript("admin-owner")
        transcript.add(
            "the owner left", try await http.admin(.post, path, token: token, ["owner": "planner@example.com"]))
        transcript.add("once more", try await http.admin(.post, path, token: token, ["owner": "planner@example.com"]))
        transcript.add("nobody's name", try await http.admin(.post, path, token: token, ["owner": "x"]))
        transcript.add("no name", try await http.admin(.post, path, token: token, [:]))
        try transcript.check()
    }

    @Test("a client may be called disable all the same")
    func clientOfThatName() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        let path = "/admin/clients/disable"
        #expect(try await http.admin(.get, path, token: token).status == 404)
        _ = try await kit.createAgent("disable", scopes: ["calendar.read"], resources: [World.calendar])
        #expect(try await http.admin(.get, path, token: token).json["client_id"] == "disable")
        #expect(try await http.admin(.patch, path, token: token, ["purpose": "x"]).json["purpose"] == "x")
        #expect(try await http.admin(.delete, path, token: token).status == 204)
        #expect(kit.client(World.id("disable")) == nil)
    }
}
