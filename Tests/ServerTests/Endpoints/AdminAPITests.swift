import HTTPTypes
import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("The admin API")
struct AdminAPITests {
    /// Reads a list page by page.
    private func all(_ http: HTTPTester, _ path: String, _ token: String, limit: Int) async throws -> [JSONObject] {
        var items: [JSONObject] = []
        var cursor = ""
        for _ in 0..<200 {
            let query =
                (path.contains("?") ? "&" : "?") + "limit=\(limit)"
                + (cursor.isEmpty ? "" : "&cursor=" + Form.escape(cursor))
            let page = try await http.admin(.get, path + query, token: token)
            #expect(page.status == 200)
            items += page.json["items"]?.array?.compactMap(\.object) ?? []
            #expect((page.json["items"]?.array?.count ?? 0) <= limit)
            guard let next = page.json["next"]?.string else { return items }
            cursor = next
        }
        return items
    }

    @Test("lists are paged without a gap and without repetition", arguments: ["clients", "resources", "audit"])
    func paging(list: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        let whole = try await all(http, "/admin/\(list)", token, limit: 1000)
        #expect(whole.count > 3)
        for limit in [1, 2, 3] { #expect(try await all(http, "/admin/\(list)", token, limit: limit) == whole) }
    }

    @Test("a page size that is none is refused", arguments: ["0", "-1", "1001", "x", "1e3", ""])
    func limits(limit: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        let answer = try await http.admin(.get, "/admin/clients?limit=\(limit)", token: token)
        #expect(answer.status == 400)
        #expect(answer.json["errors"]?.array?.first?.object?["field"] == "limit")
    }

    @Test("a body must be one strict JSON object of the right type")
    func bodies() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        func post(_ body: String, type: String? = "application/json") async throws -> HTTPExchange {
            var headers = [("Authorization", "Bearer \(token)")]
            if let type { headers.append(("Content-Type", type)) }
            return try await http.send(.init(.post, "/admin/clients", headers: headers, body: Array(body.utf8)))
        }
        for body in [
            "[]", "7", #"{"name":"a","name":"b"}"#, "{", "{} {}", "\u{FEFF}{}", #"{"name":"\ud800"}"#,
            String(repeating: "[", count: 5000),
        ] {
            let answer = try await post(body)
            #expect(answer.status == 400, "\(body.prefix(20))")
            #expect(answer.headers[.contentType] == "application/problem+json")
        }
        for type in ["text/plain", "application/x-www-form-urlencoded", nil, "application/jsonx"] {
            #expect(try await post(#"{"name":"a"}"#, type: type).status == 415)
        }
        #expect(try await post(#"{"name":"a"}"#, type: "application/json; charset=utf-8").status == 201)
        #expect(try await post("{\"name\":\"" + String(repeating: "a", count: 70_000) + "\"}").status == 413)
    }

    @Test("a refused call is in the trail, with the scope that was missing")
    func refusalAudited() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken(kit.auditor)
        let answer = try await http.admin(.delete, "/admin/clients/planner", token: token)
        #expect(answer.status == 403)
        #expect(answer.headers[.wwwAuthenticate]?.contains(#"scope="clients:write""#) == true)
        let event = try #require(try await kit.lastRecord()?.event)
        #expect(event.name == .adminRefused)
        #expect(event.clientID == "auditor")
        #expect(event.policyEvaluation?.rule == "clients:write")
        #expect(event.apiEndpoint == "DELETE /admin/clients/{id}")
        #expect(kit.client(kit.planner.id) != nil)
    }

    @Test("an admin token dies like any other")
    func tokenDies() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken(kit.auditor)
        #expect(try await http.admin(.get, "/admin/audit", token: token).status == 200)
        try await kit.end(.client, "auditor")
        let answer = try await http.admin(.get, "/admin/audit", token: token)
        #expect(answer.status == 401)
        #expect(answer.headers[.wwwAuthenticate]?.contains(#"error="invalid_token""#) == true)
    }

    @Test("If-Match takes the ETag that was given, a star, and nothing else")
    func ifMatch() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        func patch(_ match: String, _ owner: String) async throws -> HTTPExchange {
            try await http.admin(
                .patch, "/admin/clients/planner", token: token, ["owner": .string(owner)],
                headers: [("If-Match", match)])
        }
        let tag = try #require(try await http.admin(.get, "/admin/clients/planner", token: token).headers[.eTag])
        let changed = try await patch(tag, "a")
        #expect(changed.status == 200)
        #expect(changed.headers[.eTag] != tag)
        #expect(try await patch(tag, "b").status == 412)
        #expect(try await patch("*", "c").status == 200)
        for match in ["1", "\"x\"", "W/\"2\"", "\"", ""] {
            #expect(try await patch(match, "d").status == 412, "\(match)")
        }
        #expect(kit.client(kit.planner.id)?.owner == "c")
    }

    @Test("delegations are filtered by client, subject and status")
    func delegationFilters() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        let hers = try await kit.delegate(to: kit.planner)
        try await kit.delegate(from: "bob", to: kit.planner, expiresIn: 10)
        try await kit.delegate(to: kit.worker, scopes: "calendar.read")
        try await kit.revokeDelegation(hers.id)
        kit.clock.advance(seconds: 10)
        func count(_ query: String) async throws -> Int {
            try await http.admin(.get, "/admin/delegations?\(query)", token: token).json["items"]?.array?.count ?? -1
        }
        #expect(try await count("") == 3)
        #expect(try await count("client_id=planner") == 2)
        #expect(try await count("subject=alice") == 2)
        #expect(try await count("subject=corp%7Calice") == 2)
        #expect(try await count("status=revoked") == 1)
        #expect(try await count("status=expired") == 1)
        #expect(try await count("status=active") == 1)
        #expect(try await count("client_id=planner&status=active") == 0)
        #expect(try await http.admin(.get, "/admin/delegations?status=gone", token: token).status == 400)
    }

    @Test("an agent instance is let in again by its client and name")
    func enableAgent() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        try await kit.end(.agent, "planner/p1")
        #expect(
            try await http.admin(.post, "/admin/clients/planner/enable-agent", token: token, ["agent_id": "a/b"]).status
                == 400)
        #expect(
            try await http.admin(.post, "/admin/clients/planner/enable-agent", token: token, ["agent_id": "p1"]).status
                == 200)
        try await kit.token(kit.planner, with: ["agent_id": "p1"])
    }

    @Test("an export over HTTP is whole and verifies")
    func export() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        for _ in 0..<5 { try await kit.token(kit.planner) }
        let answer = try await http.admin(.get, "/admin/audit/export", token: token)
        #expect(answer.status == 200)
        #expect(answer.headers[.contentType] == "application/jsonl")
        var verifier = AuditExport(keys: kit.server.keys.published(at: kit.clock.time), issuer: kit.issuer.text)
        for line in answer.answer.body.split(separator: 0x0A) { _ = verifier.consume(line: Array(line)) }
        let report = verifier.finish()
        #expect(report.valid)
        #expect(report.records == Int(kit.auditCount))
        #expect(report.checkpoint == .verified)
    }

    @Test("audit records are filtered as asked")
    func auditFilters() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken(kit.auditor)
        try await kit.token(kit.planner, with: ["task_id": "t"])
        _ = try? await kit.token(kit.planner, scope: "x")
        func count(_ query: String) async throws -> Int {
            try await http.admin(.get, "/admin/audit?\(query)", token: token).json["items"]?.array?.count ?? -1
        }
        #expect(try await count("client_id=planner") == 2)
        #expect(try await count("client_id=planner&decision=allow") == 1)
        #expect(try await count("task_id=planner%2Ft") == 1)
        #expect(try await count("since=2026-03-01T12:00:01Z") == 0)
        #expect(try await count("after=\(kit.auditCount - 1)") == 1)
        for query in ["after=x", "after=-1", "since=yesterday", "decision=perhaps"] {
            #expect(try await count(query) == -1)
        }
    }
}
