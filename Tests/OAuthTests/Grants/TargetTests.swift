import JOSE
import OAuth
import Support
import Testing

@Suite("Which resource a request is for")
struct TargetTests {
    private func respond(_ kit: LegateKit, _ party: Party, _ resources: [String], audiences: [String] = []) async throws
        -> TokenResponse
    {
        var form = Form([("grant_type", "client_credentials")])
        for resource in resources { form.add("resource", resource) }
        for audience in audiences { form.add("audience", audience) }
        return try await kit.server.tokenEndpoint.respond(to: kit.request(form, from: party))
    }

    @Test("the client's only resource needs no naming")
    func only() async throws {
        let kit = try await LegateKit.start()
        #expect(try await kit.token(kit.signer, for: nil).token.audience == World.calendar)
    }

    @Test("with several, or none, it must be named")
    func ambiguous() async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidTarget) { try await kit.token(kit.planner, for: nil) }
        await expectRefusal(.invalidTarget) { try await kit.token(kit.calendarAPI, for: nil) }
    }

    @Test("naming one twice is one; naming two is refused")
    func two() async throws {
        let kit = try await LegateKit.start()
        let calendar = World.calendar.text
        #expect(try await respond(kit, kit.planner, [calendar, calendar]).token.audience == World.calendar)
        await expectRefusal(.invalidTarget) { try await respond(kit, kit.planner, [calendar, World.orders.text]) }
        await expectRefusal(.invalidTarget) {
            try await respond(kit, kit.planner, Array(repeating: calendar, count: 9))
        }
    }

    @Test(
        "a resource is compared byte by byte",
        arguments: [
            "https://calendar.example.com/api/", "https://calendar.example.com/API",
            "https://calendar.example.com/api?x",
            "https://calendar.example.com/api#x", "https://CALENDAR.example.com/api", "http://calendar.example.com/api",
            "calendar",
            "https://calendar.example.com:443/api", "https://nobody.example.com",
        ]
    )
    func exact(resource: String) async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidTarget) { try await respond(kit, kit.planner, [resource]) }
    }

    @Test("a registered resource that the client was not granted is refused")
    func notGranted() async throws {
        let kit = try await LegateKit.start()
        let error = await expectRefusal(.invalidTarget) { try await kit.token(kit.planner, for: World.payroll) }
        #expect(error?.rule == "target_granted")
    }

    @Test("a disabled resource gives no tokens, and its tokens are dead while it is")
    func disabled() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        try await kit.update(.resource, "calendar", ["enabled": false])
        await expectRefusal(.invalidTarget) { try await kit.token(kit.planner) }
        #expect(try await !kit.isActive(token.accessToken))
    }

    @Test("at client_credentials audience means nothing")
    func audienceIsForExchange() async throws {
        let kit = try await LegateKit.start()
        #expect(try await respond(kit, kit.signer, [], audiences: ["orders"]).token.audience == World.calendar)
    }

    @Test("at exchange audience may be a URI, a name, or a client that acts as the resource")
    func audiences() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(
            to: kit.planner, scopes: "calendar.read tools.call", resources: [World.calendar, World.tools]
        )
        for audience in [World.tools.text, "tools", "worker"] {
            #expect(
                try await kit.act(by: kit.planner, at: nil, with: ["audience": audience]).token.audience == World.tools)
        }
        for audience in ["nobody", "planner", "signer", "https://nobody.example.com", "Tools"] {
            await expectRefusal(.invalidTarget) {
                try await kit.act(by: kit.planner, at: nil, with: ["audience": audience])
            }
        }
        await expectRefusal(.invalidTarget) {
            try await kit.act(by: kit.planner, at: World.calendar, with: ["audience": "tools"])
        }
        #expect(
            try await kit.act(by: kit.planner, at: World.tools, with: ["audience": "worker"]).token.audience
                == World.tools)
    }

    @Test("a second audience cannot hide behind repetitions of the first")
    func hiddenAudience() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.planner, scopes: "calendar.read", resources: [World.calendar])
        var form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token_type", TokenType.idToken.rawValue),
            ("subject_token", try kit.corp.token(audience: kit.issuer)),
        ])
        for _ in 0..<8 { form.add("audience", "calendar") }
        form.add("audience", "tools")
        await expectRefusal(.invalidTarget) {
            try await kit.server.tokenEndpoint.respond(to: kit.request(form, from: kit.planner))
        }
    }
}
