import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("client_credentials")
struct ClientCredentialsTests {
    @Test("the client is its own subject, without an actor and without a delegation")
    func subject() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).token
        #expect(token.identity.subject == "planner")
        #expect(token.identity.actors == nil)
        #expect(token.identity.delegationID == nil)
        #expect(token.identity.agentID == "planner")
        #expect(
            try await kit.token(kit.worker, for: World.orders, with: ["agent_id": "w:1"]).token.identity.agentID
                == "worker/w:1")
    }

    @Test("a client that is no agent has no agent id")
    func notAnAgent() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.auditor, for: kit.server.registry.ownResources.admin.uri).token
        #expect(token.identity.agentID == nil)
    }

    @Test("asking for no scope gives the whole intersection, and the answer says it")
    func allScopes() async throws {
        let kit = try await LegateKit.start()
        #expect(try await kit.token(kit.planner).scope == "calendar.read calendar.write")
        #expect(try await kit.token(kit.planner, for: World.orders).scope == "orders.read")
    }

    @Test(
        "asking for more is refused",
        arguments: ["orders.write", "orders.read orders.write", "calendar.read", "*", "ORDERS.READ"])
    func more(scope: String) async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidScope) { try await kit.token(kit.planner, for: World.orders, scope: scope) }
    }

    @Test("a scope that is not one is refused", arguments: ["a\"b", "é", " ", "a\\b"])
    func malformed(scope: String) async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidScope) { try await kit.token(kit.planner, scope: scope) }
    }

    @Test("a scope that is too long learns the limits")
    func longScope() async throws {
        let kit = try await LegateKit.start()
        let error = await expectRefusal(.invalidScope) {
            try await kit.token(kit.planner, scope: String(repeating: "a", count: 5_000))
        }
        #expect(error?.description.contains("at most 256, each of at most 256 bytes, and 16384 bytes in all") == true)
    }

    @Test("a client without scopes gets no token")
    func noScopes() async throws {
        let kit = try await LegateKit.start()
        let gateway = await expectRefusal(.invalidScope) { try await kit.token(kit.gateway) }
        #expect(gateway?.rule == "scope_attenuation")
    }

    @Test("names that are not names are refused, each by its own")
    func names() async throws {
        let kit = try await LegateKit.start()
        for name in ["agent_id", "task_id", "session_id"] {
            for value in ["a/b", "a b", "é", String(repeating: "a", count: 129), "a|b"] {
                let error = await expectRefusal(.invalidRequest) {
                    try await kit.token(kit.planner, with: [name: value])
                }
                #expect(error?.description.hasPrefix(name) == true)
            }
            _ = try await kit.token(kit.planner, with: [name: String(repeating: "a", count: 128)])
        }
    }

    @Test("a reason has at most 512 characters, of any language, and no control characters")
    func reason() async throws {
        let kit = try await LegateKit.start()
        _ = try await kit.token(kit.planner, with: ["reason": String(repeating: "ü", count: 512)])
        #expect(try await kit.lastRecord()?.event.requestContext?.count == 512)
        for reason in [String(repeating: "a", count: 513), "a\nb", "a\u{1B}[2J", "a\u{85}"] {
            await expectRefusal(.invalidRequest) { try await kit.token(kit.planner, with: ["reason": reason]) }
        }
    }

    @Test("authorization_details are refused, never ignored")
    func richRequests() async throws {
        let kit = try await LegateKit.start()
        for value in ["[]", #"[{"type":"payment"}]"#, "x"] {
            await expectRefusal(.invalidAuthorizationDetails) {
                try await kit.token(kit.planner, with: ["authorization_details": value])
            }
        }
    }

    @Test("a closed task gets no more tokens; another task does")
    func closedTask() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner, with: ["task_id": "t"])
        try await kit.end(.task, "planner/t")
        #expect(try await !kit.isActive(token.accessToken))
        let error = await expectRefusal(.invalidRequest) { try await kit.token(kit.planner, with: ["task_id": "t"]) }
        #expect(error?.description == "the task was ended: planner/t")
        try await kit.token(kit.planner, with: ["task_id": "t2"])
        try await kit.token(kit.worker, for: World.orders, with: ["task_id": "t"])
        let again = try await kit.restarted()
        await expectRefusal(.invalidRequest) { try await again.token(again.planner, with: ["task_id": "t"]) }
        again.clock.advance(seconds: 30 * 86_400)
        try await again.token(again.planner, with: ["task_id": "t"])
    }
}
