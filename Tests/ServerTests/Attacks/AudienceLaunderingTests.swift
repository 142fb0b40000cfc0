import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

/// The hope: a token for a harmless resource opens a valuable one, by itself or after an exchange (RFC 9700 section
/// 2.3).
@Suite("Attack: audience laundering")
struct AudienceLaunderingTests {
    @Test("a token for a resource does not open the admin API", arguments: ["GET", "POST"])
    func adminAPI(method: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.create(
            .resource,
            ["resource": "https://decoy.example.com", "name": "decoy", "scopes": ["clients:read", "clients:write"]])
        let decoy = World.uri("https://decoy.example.com")
        let agent = try await kit.createAgent(
            "decoy-agent", scopes: ["clients:read", "clients:write"], resources: [decoy])
        let token = try await kit.token(agent, for: decoy).accessToken
        let answer = try await http.admin(
            method == "GET" ? .get : .post, "/admin/clients", token: token, method == "GET" ? nil : ["name": "x"])
        #expect(answer.status == 401)
    }

    @Test("the vault and the revocation feed are other resources than the admin API")
    func ownResources() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let own = kit.server.registry.ownResources
        let agent = try await kit.createAgent(
            "feed", scopes: ["revocations:read"], resources: [own.revocations.uri, own.admin.uri]
        )
        let token = try await kit.token(agent, for: own.revocations.uri).accessToken
        #expect(try await http.admin(.get, "/admin/revocations", token: token).status == 401)
        let right = try await kit.token(agent, for: own.admin.uri).accessToken
        #expect(try await http.admin(.get, "/admin/revocations", token: right).status == 200)
    }

    @Test("an exchange reaches only resources that client and delegation have")
    func exchange() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.planner, scopes: "calendar.read", resources: [World.calendar])
        let token = try await kit.act(by: kit.planner).accessToken
        let http = try kit.http()
        for target in [World.orders, World.tools, World.payroll, kit.server.registry.ownResources.admin.uri] {
            let form = Form([
                ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", token),
                ("subject_token_type", TokenType.accessToken.rawValue), ("resource", target.text),
            ])
            #expect(try await http.post("/token", form, as: kit.planner).json["error"] == "invalid_target", "\(target)")
        }
    }

    @Test(
        "two names for two resources do not add up to one token",
        arguments: [
            [("resource", "https://calendar.example.com/api"), ("audience", "orders")],
            [("audience", "calendar"), ("audience", "orders")],
            [("resource", "https://orders.example.com"), ("audience", "worker")],
        ])
    func twoNames(names: [(String, String)]) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        try await kit.delegate(
            to: kit.planner, scopes: "calendar.read orders.read tools.call",
            resources: [World.calendar, World.orders, World.tools])
        let form = Form(
            [
                ("grant_type", GrantType.tokenExchange.rawValue),
                ("subject_token", try kit.corp.token(audience: kit.issuer)),
                ("subject_token_type", TokenType.idToken.rawValue),
            ] + names
        )
        #expect(try await http.post("/token", form, as: kit.planner).json["error"] == "invalid_target")
    }

    @Test("a resource learns nothing of tokens for another")
    func introspection() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.token(kit.planner, for: World.orders).accessToken
        let answer = try await http.post("/introspect", Form([("token", token)]), as: kit.calendarAPI)
        #expect(answer.answer.text == #"{"active":false}"#)
    }
}
