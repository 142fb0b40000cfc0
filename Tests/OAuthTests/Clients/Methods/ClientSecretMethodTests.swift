import OAuth
import Support
import Testing

@Suite("client_secret_basic and client_secret_post")
struct ClientSecretMethodTests {
    private func respond(_ kit: LegateKit, authorization: String?, _ more: [String: String] = [:]) async throws
        -> TokenResponse
    {
        var form = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)])
        form.add(more)
        return try await kit.server.tokenEndpoint.respond(to: kit.request(form, authorization: authorization))
    }

    @Test("the secret may be in the header or in the form")
    func bothWays() async throws {
        let kit = try await LegateKit.start()
        let secret = try #require(kit.planner.secret)
        try await kit.token(kit.planner.with(.basic(secret)))
        try await kit.token(kit.planner.with(.post(secret)))
        _ = try await respond(kit, authorization: Form.basic("planner", secret), ["client_id": "planner"])
        _ = try await respond(kit, authorization: "bAsIc" + Form.basic("planner", secret).dropFirst(5))
    }

    @Test("another client's id beside the header is refused")
    func otherID() async throws {
        let kit = try await LegateKit.start()
        let secret = try #require(kit.planner.secret)
        await expectRefusal(.invalidRequest) {
            try await respond(kit, authorization: Form.basic("planner", secret), ["client_id": "worker"])
        }
    }

    @Test("a client's secret is no other client's secret")
    func otherSecret() async throws {
        let kit = try await LegateKit.start()
        let secret = try #require(kit.planner.secret)
        await expectRefusal(.invalidClient) { try await kit.token(kit.worker.with(.basic(secret)), for: World.orders) }
        await expectRefusal(.invalidClient) { try await kit.token(kit.worker.with(.post(secret)), for: World.orders) }
    }

    @Test(
        "a header that is not Basic credentials is invalid_client",
        arguments: [
            "Basic", "Basic ", "Basic !!!", "Basic cGxhbm5lcg==", "Basic cGxhbm5lcjp4=x", "Basic cGxhbm5lcjp-",
            "Basic  ",
            "Basic cGxhbm5lcjolMDA=", "Basic cGxhbm5lcjol", "Basic /////w==", "Basic Og==", "Basic OiUlJSU=",
        ]
    )
    func broken(header: String) async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidClient) { try await respond(kit, authorization: header) }
    }

    @Test("a form without the client's id or without the secret is not enough")
    func incomplete() async throws {
        let kit = try await LegateKit.start()
        let secret = try #require(kit.planner.secret)
        await expectRefusal(.invalidRequest) { try await respond(kit, authorization: nil, ["client_secret": secret]) }
        await expectRefusal(.invalidClient) {
            try await respond(kit, authorization: nil, ["client_id": "planner", "client_secret": ""])
        }
        await expectRefusal(.invalidClient) {
            try await respond(kit, authorization: nil, ["client_id": "pl/anner", "client_secret": secret])
        }
    }

    @Test("a rotated secret works during its grace and not a second longer")
    func rotation() async throws {
        let kit = try await LegateKit.start()
        let (_, secret, ends) = try await kit.server.registrar.rotateSecret(of: "planner", grace: 60, by: kit.admin())
        #expect(ends == kit.clock.time.adding(seconds: 60))
        try await kit.token(kit.planner)
        try await kit.token(kit.planner.with(.basic(secret)))
        let again = try await kit.restarted()
        again.clock.advance(seconds: 59)
        try await again.token(again.planner)
        again.clock.advance(seconds: 1)
        await expectRefusal(.invalidClient) { try await again.token(again.planner) }
        try await again.token(again.planner.with(.basic(secret)))
    }

    @Test("without a grace the old secret is dead at once")
    func rotationAtOnce() async throws {
        let kit = try await LegateKit.start()
        let (_, secret, ends) = try await kit.server.registrar.rotateSecret(of: "planner", grace: 0, by: kit.admin())
        #expect(ends == nil)
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }
        try await kit.token(kit.planner.with(.basic(secret)))
    }

    @Test("a second rotation ends the grace of the first: at most two secrets live")
    func twoRotations() async throws {
        let kit = try await LegateKit.start()
        let (_, second, _) = try await kit.server.registrar.rotateSecret(of: "planner", grace: 600, by: kit.admin())
        let (_, third, _) = try await kit.server.registrar.rotateSecret(of: "planner", grace: 600, by: kit.admin())
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }
        try await kit.token(kit.planner.with(.basic(second)))
        try await kit.token(kit.planner.with(.basic(third)))
    }
}
