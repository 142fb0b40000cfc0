import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

@Suite("On the wire: the admin API")
struct AdminTranscriptTests {
    @Test("getting in")
    func access() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var transcript = Transcript("admin-access")
        transcript.add("without a token: where to get one", try await http.admin(.get, "/admin/clients", token: nil))
        transcript.add("with something else", try await http.admin(.get, "/admin/clients", token: "x"))
        let calendar = try await kit.token(kit.planner).accessToken
        transcript.add(
            "with a token for another resource", try await http.admin(.get, "/admin/clients", token: calendar))
        let auditor = try await kit.adminToken(kit.auditor)
        transcript.add("without the scope", try await http.admin(.get, "/admin/clients", token: auditor))
        transcript.add("another method", try await http.admin(.put, "/admin/clients", token: auditor))
        transcript.add("nothing there", try await http.admin(.get, "/admin/nothing", token: auditor))
        try transcript.check()
    }

    @Test("a client's life")
    func client() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        var transcript = Transcript("admin-client")
        let draft: JSONObject = [
            "client_id": "scribe", "name": "Scribe", "scopes": ["calendar.read"],
            "resources": [.string(World.calendar.text)],
            "owner": "ann@example.com",
        ]
        transcript.add("create", try await http.admin(.post, "/admin/clients", token: token, draft))
        transcript.add("create again", try await http.admin(.post, "/admin/clients", token: token, draft))
        transcript.add(
            "create nonsense",
            try await http.admin(
                .post, "/admin/clients", token: token,
                ["name": "", "kind": "robot", "colour": "red", "token_ttl": 1000])
        )
        transcript.add("show", try await http.admin(.get, "/admin/clients/scribe", token: token))
        transcript.add(
            "update",
            try await http.admin(
                .patch, "/admin/clients/scribe", token: token, ["token_ttl": 60], headers: [("If-Match", "\"1\"")]))
        transcript.add(
            "update what has changed",
            try await http.admin(
                .patch, "/admin/clients/scribe", token: token, ["token_ttl": 90], headers: [("If-Match", "\"1\"")]))
        transcript.add(
            "rotate its secret",
            try await http.admin(.post, "/admin/clients/scribe/rotate-secret", token: token, ["grace": 3600]))
        transcript.add(
            "disable", try await http.admin(.patch, "/admin/clients/scribe", token: token, ["enabled": false]))
        transcript.add("delete", try await http.admin(.delete, "/admin/clients/scribe", token: token))
        transcript.add("show what is gone", try await http.admin(.get, "/admin/clients/scribe", token: token))
        try transcript.check()
    }

    @Test("resources, issuers, rules and delegations")
    func others() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        var transcript = Transcript("admin-registry")
        transcript.add(
            "a resource",
            try await http.admin(
                .post, "/admin/resources", token: token,
                ["resource": "https://wiki.example.com", "name": "wiki", "scopes": ["wiki.read"]]))
        transcript.add(
            "by its URI", try await http.admin(.get, "/admin/resources/https%3A%2F%2Fwiki.example.com", token: token))
        transcript.add(
            "an issuer",
            try await http.admin(
                .post, "/admin/issuers", token: token,
                [
                    "name": "partner", "issuer": "https://login.partner.example",
                    "jwks_uri": "https://login.partner.example/jwks",
                ]))
        let terms: JSONObject = [
            "issuer": "corp", "client_id": "planner", "scopes": ["calendar.read"],
            "resources": [.string(World.calendar.text)],
        ]
        transcript.add(
            "a rule",
            try await http.admin(
                .post, "/admin/delegation-rules", token: token, terms.merging(patch: ["group": "staff"])))
        let made = transcript.add(
            "a delegation",
            try await http.admin(
                .post, "/admin/delegations", token: token,
                terms.merging(patch: ["subject": "alice", "expires_in": 3600, "purpose": "to plan"])))
        let id = try #require(made.json["delegation_id"]?.string)
        transcript.add(
            "wider is refused",
            try await http.admin(
                .patch, "/admin/delegations/\(id)", token: token, ["scopes": ["calendar.read", "calendar.write"]]))
        transcript.add(
            "revoked", try await http.admin(.post, "/admin/delegations/\(id)/revoke", token: token, ["reason": "done"]))
        transcript.add(
            "listed", try await http.admin(.get, "/admin/delegations?client_id=planner&status=revoked", token: token))
        try transcript.check()
    }

    @Test("revocations, keys and the audit trail")
    func operations() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        var transcript = Transcript("admin-operations")
        transcript.add(
            "revoke",
            try await http.admin(
                .post, "/admin/revocations", token: token, ["kind": "subject", "id": "corp|alice", "reason": "left"]))
        transcript.add(
            "revoke what cannot be",
            try await http.admin(.post, "/admin/revocations", token: token, ["kind": "subject", "id": "planner"]))
        transcript.add("list", try await http.admin(.get, "/admin/revocations?after=0", token: token))
        transcript.add("keys", try await http.admin(.get, "/admin/keys", token: token))
        transcript.add("rotate", try await http.admin(.post, "/admin/keys/rotate", token: token))
        transcript.add("rotate again", try await http.admin(.post, "/admin/keys/rotate", token: token))
        let issued = try await kit.token(kit.planner, scope: "calendar.read", with: ["reason": "to see"])
        transcript.add(
            "trace", try await http.admin(.get, "/admin/audit/trace/\(issued.token.identity.jti)", token: token))
        transcript.add("trace nothing", try await http.admin(.get, "/admin/audit/trace/nothing", token: token))
        transcript.add("refusals", try await http.admin(.get, "/admin/audit?decision=deny", token: token))
        transcript.add(
            "a question that is none", try await http.admin(.get, "/admin/audit?decision=maybe", token: token))
        transcript.add("verify", try await http.admin(.get, "/admin/audit/verify", token: token))
        transcript.add(
            "export", try await http.admin(.get, "/admin/audit/export?since=2026-03-01T12:00:01Z", token: token))
        try transcript.check()
    }
}
