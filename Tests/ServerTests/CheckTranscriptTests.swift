import HTTPTypes
import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("On the wire: forward authentication")
struct CheckTranscriptTests {
    @Test("calls that pass")
    func allowed() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(to: kit.planner)
        var transcript = Transcript("check")
        let own = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        let delegated = try await kit.act(by: kit.planner, with: ["agent_id": "p1"]).accessToken
        transcript.add(
            "an agent on its own behalf",
            try await http.check("?resource=calendar&scope=calendar.read", [("Authorization", "Bearer \(own)")])
        )
        transcript.add(
            "an agent on behalf of a user; the gateway proves itself and tells what the call is",
            try await http.check(
                "?resource=https://calendar.example.com/api&scope=calendar.read+calendar.write",
                [
                    ("Authorization", "bearer \(delegated)"),
                    ("Legate-Gateway-Authorization", kit.gateway.basic),
                    ("X-Forwarded-Method", "POST"), ("X-Forwarded-Proto", "https"),
                    ("X-Forwarded-Host", "calendar.example.com"), ("X-Forwarded-Uri", "/api/events?q=secret"),
                ]
            )
        )
        transcript.add(
            "a proxy that appends the path, and sends the agent's method and body",
            try await http.check(
                "/api//events/?resource=calendar", [("Authorization", "Bearer \(own)")], method: .post,
                body: Array(#"{"access_token":"x"}"#.utf8)
            )
        )
        try transcript.check()
        let calls = try await kit.records().map(\.event).filter { $0.name == .checkAllowed }.map(\.apiEndpoint)
        #expect(calls == ["GET /check", "POST /api/events", "POST /api//events/"])
    }

    @Test("calls that do not")
    func denied() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var transcript = Transcript("check-denied")
        let token = try await kit.token(kit.planner, scope: "calendar.read")
        let bearer = ("Authorization", "Bearer \(token.accessToken)")
        let orders = try await kit.token(kit.planner, for: World.orders).accessToken
        transcript.add(
            "no token: where to get one", try await http.check("?resource=calendar&scope=calendar.read", []))
        transcript.add("no token, and no scope is needed", try await http.check("?resource=calendar", []))
        transcript.add(
            "garbage", try await http.check("?resource=calendar", [("Authorization", "Bearer garbage")]))
        transcript.add(
            "a token for another resource",
            try await http.check("?resource=calendar", [("Authorization", "Bearer \(orders)")]))
        transcript.add(
            "a scope is missing",
            try await http.check("?resource=calendar&scope=calendar.read+calendar.write", [bearer]))
        try await kit.end(.token, token.token.identity.jti)
        transcript.add("a revoked token", try await http.check("?resource=calendar", [bearer]))
        transcript.add("an unknown resource", try await http.check("?resource=nothing", [bearer]))
        transcript.add("no resource", try await http.check("", [bearer]))
        transcript.add(
            "a token in the query", try await http.check("?resource=calendar&access_token=x", [bearer]))
        transcript.add("two Authorization headers", try await http.check("?resource=calendar", [bearer, bearer]))
        let wrong = ("Legate-Gateway-Authorization", kit.gateway.with(.basic("wrong")).basic)
        transcript.add("a gateway with a wrong secret", try await http.check("?resource=calendar", [bearer, wrong]))
        let right = ("Legate-Gateway-Authorization", kit.gateway.basic)
        transcript.add(
            "a gateway that asks about what is not its own", try await http.check("?resource=tools", [bearer, right]))
        transcript.add(
            "a gateway twice", try await http.check("?resource=calendar", [bearer, right, right]))
        kit.store.fail(true)
        let live = try await liveToken(kit)
        transcript.add("the call cannot be recorded", try await http.check("?resource=calendar", [live]))
        try transcript.check()
    }

    private func liveToken(_ kit: LegateKit) async throws -> (String, String) {
        kit.store.fail(false)
        defer { kit.store.fail(true) }
        return ("Authorization", "Bearer \(try await kit.token(kit.planner).accessToken)")
    }

    @Test(
        "any method may be asked with",
        arguments: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "SEARCH"])
    func methods(name: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.token(kit.planner).accessToken
        let method = try #require(HTTPRequest.Method(name))
        for path in ["?resource=calendar", "/?resource=calendar", "/a/b?resource=calendar"] {
            let answer = try await http.check(path, [("Authorization", "Bearer \(token)")], method: method)
            #expect(answer.status == 204, "\(name) \(path)")
            #expect(answer.headers[try #require(HTTPField.Name("X-Auth-Client"))] == "planner")
            #expect(answer.answer.body.isEmpty)
        }
        #expect(try await http.check("?resource=calendar", [], method: method).status == 401)
    }

    @Test("the endpoint moves with the issuer's path")
    func issuerWithPath() async throws {
        let kit = try await LegateKit.start(issuer: "https://example.com/tenants/one")
        let http = try kit.http()
        let header = ("Authorization", "Bearer \(try await kit.token(kit.planner).accessToken)")
        for path in ["/tenants/one/check?resource=calendar", "/tenants/one/check//x/?resource=calendar"] {
            #expect(try await http.get(path, headers: [header]).status == 204)
        }
        #expect(try await http.get("/check?resource=calendar", headers: [header]).status == 404)
        #expect(try await http.get("/tenants/one//check?resource=calendar", headers: [header]).status == 404)
        #expect(try await http.get("/tenants/one/checkup?resource=calendar", headers: [header]).status == 404)
    }

    @Test("a user whose name is not plain text is told apart from every other one")
    func subjects() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var seen: [String] = []
        for user in ["zoë", "zo%C3%AB", "bob ", "bob"] {
            try await kit.delegate(from: user, to: kit.planner)
            let token = try await kit.act(for: user, by: kit.planner).accessToken
            let answer = try await http.check("?resource=calendar", [("Authorization", "Bearer \(token)")])
            seen.append(answer.headers[try #require(HTTPField.Name("X-Auth-Subject"))] ?? "")
        }
        #expect(seen == ["corp|zo%C3%AB", "corp|zo%25C3%25AB", "corp|bob%20", "corp|bob"])
    }

    @Test("checks are counted by how they ended, failed gateways among the failed authentications")
    func metrics() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        let bearer = ("Authorization", "Bearer \(token)")
        for (query, headers, times) in [
            ("?resource=calendar", [bearer], 7), ("?resource=calendar", [], 2),
            ("?resource=calendar", [("Authorization", "Bearer x")], 3),
            ("?resource=calendar&scope=x", [bearer], 4), ("?resource=nothing", [bearer], 5),
            ("?resource=calendar", [bearer, ("Legate-Gateway-Authorization", "Basic eDp5")], 6),
        ] {
            for _ in 0..<times { _ = try await http.check(query, headers) }
        }
        kit.store.fail(true)
        _ = try await http.check("?resource=calendar", [bearer])
        let lines = try await http.get("/metrics").answer.text.split(separator: "\n").map(String.init)
        for (outcome, count) in [
            ("allowed", 7), ("no_credentials", 2), ("invalid_token", 3), ("insufficient_scope", 4), ("request", 5),
            ("gateway", 6), ("unavailable", 1),
        ] {
            #expect(lines.contains(#"legate_checks_total{outcome="\#(outcome)"} \#(count)"#), "\(outcome)")
        }
        #expect(lines.contains("legate_authentication_failures_total 6"))
    }
}

extension HTTPTester {
    fileprivate func check(
        _ rest: String, _ headers: [(String, String)], method: HTTPRequest.Method = .get, body: [UInt8]? = nil
    ) async throws -> HTTPExchange {
        try await send(.init(method, "/check\(rest)", headers: headers, body: body))
    }
}

extension Party {
    fileprivate var basic: String { Form.basic(id.text, secret ?? "") }
}
