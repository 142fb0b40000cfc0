import JOSE
import OAuth
import Support
import Testing

/// The hope: what one exchange does not give, a circle of them does.
@Suite("Attack: scope escalation loop")
struct ScopeEscalationLoopTests {
    @Test("going round between two agents that act as each other's resource wins nothing")
    func circle() async throws {
        let kit = try await LegateKit.start()
        let hops = [World.uri("https://a.example.com"), World.uri("https://b.example.com")]
        for (index, hop) in hops.enumerated() {
            try await kit.create(
                .resource, ["resource": .string(hop.text), "name": .string("hop\(index)"), "scopes": ["low", "high"]])
        }
        func agent(_ id: String, actsAs: ResourceURI, to: ResourceURI, mapping from: String, _ into: String)
            async throws -> Party
        {
            try await kit.createAgent(
                id, scopes: ["low", "high"], resources: hops, grants: ["client_credentials", "token_exchange"],
                with: [
                    "acts_as": .string(actsAs.text),
                    "exchange_scopes": [
                        .object(["from": .string(from), "to": .string(into), "resource": .string(to.text)])
                    ],
                ]
            )
        }
        let a = try await agent("a", actsAs: hops[0], to: hops[1], mapping: "low", "low")
        let b = try await agent("b", actsAs: hops[1], to: hops[0], mapping: "low", "low")
        try await kit.delegate(to: a, scopes: "low", resources: hops)
        var token = try await kit.act(by: a, at: hops[1])
        for round in 0..<4 {
            let (party, target) = round.isMultiple(of: 2) ? (b, hops[0]) : (a, hops[1])
            await #expect(throws: OAuthError.self) {
                try await kit.exchange(token.accessToken, by: party, for: target, scope: "high")
            }
            token = try await kit.exchange(token.accessToken, by: party, for: target)
            #expect(token.scope == "low")
        }
        let error = await #expect(throws: OAuthError.self) {
            try await kit.exchange(token.accessToken, by: b, for: hops[0])
        }
        #expect(error?.rule == "chain_intact")
    }

    @Test("a mapping does not feed itself")
    func mappingTwice() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(
            .client, "worker",
            [
                "exchange_scopes": [
                    .object(["from": "tools.list", "to": "tools.call", "resource": .string(World.tools.text)]),
                    .object(["from": "tools.call", "to": "orders.write", "resource": .string(World.orders.text)]),
                ]
            ]
        )
        let list = try await kit.token(kit.planner, for: World.tools, scope: "tools.list")
        await #expect(throws: OAuthError.self) {
            try await kit.exchange(list.accessToken, by: kit.worker, for: World.orders)
        }
    }

    @Test(
        "asking for the same scope under another spelling is asking for another scope",
        arguments: [
            "CALENDAR.READ", "calendar.read\u{00A0}calendar.write", "calendar.*", "calendar",
            "calendar.read,calendar.write", "openid", "offline_access",
        ])
    func spelling(scope: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let form = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text), ("scope", scope)])
        #expect(try await http.post("/token", form, as: kit.planner).json["error"] == "invalid_scope")
    }

    @Test("no token outlives its parent by being exchanged just before its end")
    func lifetimeLoop() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.planner)
        let parent = try await kit.act(by: kit.planner)
        kit.clock.advance(seconds: 299)
        let child = try await kit.exchange(parent.accessToken, by: kit.planner)
        #expect(child.expiresIn == 1)
        kit.clock.advance(seconds: 1)
        #expect(try await !kit.isActive(child.accessToken))
        await #expect(throws: OAuthError.self) { try await kit.exchange(child.accessToken, by: kit.planner) }
    }

    @Test("narrowing first and widening later is refused")
    func narrowWiden() async throws {
        let kit = try await LegateKit.start()
        let narrow = try await kit.token(kit.planner, scope: "calendar.read")
        await #expect(throws: OAuthError.self) {
            try await kit.exchange(narrow.accessToken, by: kit.planner, scope: "calendar.read calendar.write")
        }
        #expect(try await kit.exchange(narrow.accessToken, by: kit.planner).scope == "calendar.read")
    }
}
