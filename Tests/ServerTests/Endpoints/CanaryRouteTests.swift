import HTTPTypes
import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("The vault's canaries")
struct CanaryRouteTests {
    private static func start() async throws -> (kit: LegateKit, http: HTTPTester, keeper: String) {
        let kit = try await LegateKit.start()
        let keeper = try await kit.createAgent("keeper", scopes: ["secrets:write"], resources: [kit.vault])
        return (kit, try kit.http(peer: "203.0.113.9"), try await kit.token(keeper, for: kit.vault).accessToken)
    }

    private static func plant(_ http: HTTPTester, _ keeper: String, _ kind: String) async throws -> JSONObject {
        let answer = try await http.admin(
            .post, "/vault/canaries", token: keeper, ["kind": .string(kind), "where": "the wiki"])
        #expect(answer.status == 201)
        return answer.json
    }

    private static func sightings(_ kit: LegateKit, after count: Int) async throws -> [AuditEvent] {
        for _ in 0..<100 {
            let found = try await kit.records().map(\.event).filter { $0.name == .canaryUsed }
            if found.count > count { return found }
            try await Task.sleep(for: .milliseconds(10))
        }
        return try await kit.records().map(\.event).filter { $0.name == .canaryUsed }
    }

    @Test("planting, listing, removing")
    func management() async throws {
        let (_, http, keeper) = try await Self.start()
        let planted = try await Self.plant(http, keeper, "client-secret")
        #expect(planted["value"]?.string?.hasPrefix("legate_cs_") == true && planted["client_id"]?.string != nil)
        let list = try await http.admin(.get, "/vault/canaries", token: keeper)
        let item = try #require(list.json["items"]?.array?.first?.object)
        #expect(item["canary_id"] == planted["canary_id"] && item["where"]?.string == "the wiki")
        #expect(item["value"] == nil && item["client_id"] == nil)
        let path = "/vault/canaries/\(planted["canary_id"]?.string ?? "")"
        #expect(try await http.admin(.delete, path, token: keeper).status == 204)
        #expect(try await http.admin(.delete, path, token: keeper).status == 404)
        #expect(try await http.admin(.post, "/vault/canaries", token: keeper, ["kind": "cat"]).status == 400)
    }

    @Test("agents that read secrets see no canaries")
    func readers() async throws {
        let (kit, http, _) = try await Self.start()
        let reader = try await kit.createAgent("reader", scopes: ["secrets:read"], resources: [kit.vault])
        let token = try await kit.token(reader, for: kit.vault).accessToken
        #expect(try await http.admin(.get, "/vault/canaries", token: token).status == 403)
        #expect(try await http.admin(.post, "/vault/canaries", token: token, ["kind": "token"]).status == 403)
        #expect(try await http.admin(.delete, "/vault/canaries/x", token: token).status == 403)
    }

    @Test(
        "a planted credential shown as a bearer token is noticed at every door",
        arguments: [
            "/admin/clients", "/vault/secrets", "/vault/values/a", "/check?resource=calendar", "/revocations",
        ]
    )
    func bearer(path: String) async throws {
        let (kit, http, keeper) = try await Self.start()
        for (index, kind) in ["token", "api-key", "client-secret"].enumerated() {
            let value = try await Self.plant(http, keeper, kind)["value"]?.string ?? ""
            let planted = try await http.get(path, headers: [("Authorization", "Bearer \(value)")])
            let garbage = try await http.get(path, headers: [("Authorization", "Bearer garbage")])
            #expect(planted.status == 401 && garbage.status == 401)
            #expect(planted.headers[.wwwAuthenticate] == garbage.headers[.wwwAuthenticate])
            let events = try await Self.sightings(kit, after: index)
            #expect(events.count == index + 1)
            #expect(events.last?.after?.contains(#""address":"203.0.113.9""#) == true)
        }
    }

    @Test(
        "and where its address is slowed down, before anybody reads it",
        arguments: ["/admin/clients", "/vault/secrets", "/check?resource=calendar"])
    func slowed(path: String) async throws {
        let (kit, http, keeper) = try await Self.start()
        let value = try await Self.plant(http, keeper, "token")["value"]?.string ?? ""
        for _ in 0..<RateLimitPolicy.failedSignatures.quota {
            _ = try? kit.server.verifier.verify(value, from: "203.0.113.9", at: kit.clock.time)
        }
        let planted = try await http.get(path, headers: [("Authorization", "Bearer \(value)")])
        let garbage = try await http.get(path, headers: [("Authorization", "Bearer garbage")])
        #expect(planted.status == 429 && garbage.status == 429)
        #expect(planted.headers[.retryAfter] == garbage.headers[.retryAfter])
        #expect(try await Self.sightings(kit, after: 0).count == 1)
    }

    @Test("and in a question that makes no sense", arguments: ["/check", "/check?resource=nothing"])
    func senseless(path: String) async throws {
        let (kit, http, keeper) = try await Self.start()
        let value = try await Self.plant(http, keeper, "token")["value"]?.string ?? ""
        let answer = try await http.get(path, headers: [("Authorization", "Bearer \(value)")])
        #expect(answer.status == 400)
        #expect(try await Self.sightings(kit, after: 0).count == 1)
    }

    @Test("and beside another one")
    func two() async throws {
        let (kit, http, keeper) = try await Self.start()
        let value = try await Self.plant(http, keeper, "token")["value"]?.string ?? ""
        let answer = try await http.get(
            "/check?resource=calendar", headers: [("Authorization", "Bearer x"), ("Authorization", "Bearer \(value)")])
        #expect(answer.status == 400)
        #expect(try await Self.sightings(kit, after: 0).count == 1)
    }

    @Test("and in the form of somebody whose own token is refused")
    func form() async throws {
        let (kit, http, keeper) = try await Self.start()
        let value = try await Self.plant(http, keeper, "token")["value"]?.string ?? ""
        let answer = try await http.post(
            "/introspect", Form([("token", value)]), headers: [("Authorization", "Bearer garbage")])
        #expect(answer.status == 401)
        #expect(try await Self.sightings(kit, after: 0).count == 1)
    }

    @Test("and as the token of a gateway")
    func gateway() async throws {
        let (kit, http, keeper) = try await Self.start()
        let value = try await Self.plant(http, keeper, "token")["value"]?.string ?? ""
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        let answer = try await http.get(
            "/check?resource=calendar",
            headers: [("Authorization", "Bearer \(token)"), ("Legate-Gateway-Authorization", "Bearer \(value)")]
        )
        #expect(answer.status == 401)
        #expect(try await Self.sightings(kit, after: 0).count == 1)
    }

    @Test("a good credential is not looked at, and a bad one that nobody planted raises nothing")
    func silence() async throws {
        let (kit, http, keeper) = try await Self.start()
        _ = try await Self.plant(http, keeper, "token")
        _ = try await http.get("/admin/clients", headers: [("Authorization", "Bearer x")])
        _ = try await http.admin(.get, "/vault/canaries", token: keeper)
        try await Task.sleep(for: .milliseconds(50))
        #expect(try await kit.records().contains { $0.event.name == .canaryUsed } == false)
    }
}
