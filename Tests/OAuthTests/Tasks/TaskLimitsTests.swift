import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("Limits of tasks")
struct TaskLimitsTests {
    private func agent(_ kit: LegateKit, _ limits: JSONObject) async throws -> Party {
        try await kit.createAgent(
            "limited", scopes: ["calendar.read", "calendar.write"], resources: [World.calendar],
            grants: ["client_credentials", "token_exchange"], with: limits
        )
    }

    @Test("a task takes so many tokens and not one more, another begins anew")
    func count() async throws {
        let kit = try await LegateKit.start()
        let agent = try await agent(kit, ["max_task_tokens": 3])
        for _ in 0..<3 { try await kit.token(agent, with: ["task_id": "t"]) }
        let refusal = await expectRefusal(.invalidRequest) { try await kit.token(agent, with: ["task_id": "t"]) }
        #expect(refusal?.rule == "task_limits")
        #expect(refusal?.description.contains("limited/t") == true)
        #expect(refusal?.description.contains("3 tokens (max_task_tokens)") == true)
        let record = try #require(try await kit.lastRecord()?.event)
        #expect(record.name == .tokenRefused)
        #expect(record.taskID == "limited/t")
        #expect(record.policyEvaluation?.rule == "task_limits")
        try await kit.token(agent, with: ["task_id": "u"])
        for _ in 0..<5 { try await kit.token(agent) }
    }

    @Test("of many requests at once exactly as many succeed as the limit allows, and every refusal says why")
    func concurrent() async throws {
        let kit = try await LegateKit.start()
        let agent = try await agent(kit, ["max_task_tokens": 17])
        let outcomes = await withTaskGroup(of: String.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    do {
                        try await kit.token(agent, with: ["task_id": "t"])
                        return "issued"
                    } catch let error as OAuthError {
                        return error.rule
                    } catch {
                        return "\(error)"
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(outcomes == ["issued": 17, "task_limits": 83])
        let again = try await kit.restarted()
        await expectRefusal(.invalidRequest) { try await again.token(agent, with: ["task_id": "t"]) }
    }

    @Test("what was taken is remembered over a restart")
    func restart() async throws {
        var kit = try await LegateKit.start()
        let agent = try await agent(kit, ["max_task_tokens": 4, "max_task_life": 3600])
        for _ in 0..<2 {
            try await kit.token(agent, with: ["task_id": "t"])
            kit = try await kit.restarted()
            try await kit.token(agent, with: ["task_id": "t"])
        }
        kit = try await kit.restarted()
        await expectRefusal(.invalidRequest) { try await kit.token(agent, with: ["task_id": "t"]) }
    }

    @Test("a task lives from its first token for so long; its last token ends with it")
    func life() async throws {
        let kit = try await LegateKit.start()
        let agent = try await agent(kit, ["max_task_life": 400])
        let begin = kit.clock.time.seconds
        let first = try await kit.token(agent, with: ["task_id": "t"])
        #expect(first.token.expiresAt == begin + 300)
        kit.clock.advance(seconds: 200)
        let second = try await kit.token(agent, with: ["task_id": "t"])
        #expect(second.token.expiresAt == begin + 400)
        #expect(second.expiresIn == 200)
        kit.clock.advance(seconds: 199)
        let third = try await kit.token(agent, with: ["task_id": "t"])
        #expect(third.token.expiresAt == begin + 400)
        kit.clock.advance(seconds: 1)
        let refusal = await expectRefusal(.invalidRequest) { try await kit.token(agent, with: ["task_id": "t"]) }
        #expect(refusal?.description.contains("limited/t has lived its 400 seconds (max_task_life)") == true)
        let again = try await kit.restarted()
        await expectRefusal(.invalidRequest) { try await again.token(agent, with: ["task_id": "t"]) }
        try await again.token(agent, with: ["task_id": "u"])
    }

    @Test("a server that has forgotten when a task began still ends its tokens in time")
    func lifeAfterRestart() async throws {
        let kit = try await LegateKit.start()
        let agent = try await agent(kit, ["max_task_life": 400])
        let begin = kit.clock.time.seconds
        try await kit.token(agent, with: ["task_id": "t"])
        kit.clock.advance(seconds: 350)
        let again = try await kit.restarted()
        let token = try await again.token(agent, with: ["task_id": "t"])
        #expect(token.token.expiresAt == begin + 400)
    }

    @Test("a life shorter than a token's cuts the very first one")
    func shortLife() async throws {
        let kit = try await LegateKit.start()
        let agent = try await agent(kit, ["max_task_life": 20])
        let token = try await kit.token(agent, with: ["task_id": "t"])
        #expect(token.expiresIn == 20)
        #expect(try await kit.token(agent).expiresIn == 300)
    }

    @Test("a name that has been idle until nothing of it can live or stay closed begins anew")
    func forgotten() async throws {
        let kit = try await LegateKit.start()
        let agent = try await agent(kit, ["max_task_tokens": 1])
        try await kit.token(agent, with: ["task_id": "t"])
        kit.clock.advance(seconds: 30 * 86_400 + 899)
        try await kit.server.prune()
        let again = try await kit.restarted()
        await expectRefusal(.invalidRequest) { try await again.token(agent, with: ["task_id": "t"]) }
        // Whether it has been pruned yet or not, in memory and on disk.
        again.clock.advance(seconds: 1)
        try await again.token(agent, with: ["task_id": "t"])
        await expectRefusal(.invalidRequest) { try await again.token(agent, with: ["task_id": "t"]) }
        again.clock.advance(seconds: 30 * 86_400 + 900)
        try await again.server.prune()
        let third = try await again.restarted()
        try await third.token(agent, with: ["task_id": "t"])
    }

    @Test("exchanged tokens of a task count for the client that asked, on an account of its own")
    func exchanges() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.client, "worker", ["max_task_tokens": 2])
        try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools]
        )
        let first = try await kit.act(by: kit.planner, at: World.tools, with: ["task_id": "t"])
        for _ in 0..<2 { try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders) }
        let refusal = await expectRefusal(.invalidRequest) {
            try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders)
        }
        #expect(refusal?.description.contains("planner/t") == true)
        try await kit.act(by: kit.planner, at: World.tools, with: ["task_id": "t"])
    }

    @Test("a refused request takes nothing from the task")
    func refusedTakesNothing() async throws {
        let kit = try await LegateKit.start()
        let agent = try await agent(kit, ["max_task_tokens": 1])
        for _ in 0..<5 {
            await expectRefusal(.invalidScope) {
                try await kit.token(agent, scope: "payroll.read", with: ["task_id": "t"])
            }
        }
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.token(agent, with: ["task_id": "t"]) }
        kit.store.fail(false)
        try await kit.token(agent, with: ["task_id": "t"])
    }

    @Test("limits can be changed and taken away; a task goes on with what it has taken")
    func changed() async throws {
        let kit = try await LegateKit.start()
        let agent = try await agent(kit, ["max_task_tokens": 1])
        try await kit.token(agent, with: ["task_id": "t"])
        try await kit.update(.client, "limited", ["max_task_tokens": 2])
        try await kit.token(agent, with: ["task_id": "t"])
        await expectRefusal(.invalidRequest) { try await kit.token(agent, with: ["task_id": "t"]) }
        try await kit.update(.client, "limited", ["max_task_tokens": nil])
        for _ in 0..<3 { try await kit.token(agent, with: ["task_id": "t"]) }
        try await kit.update(.client, "limited", ["max_task_tokens": 2])
        await expectRefusal(.invalidRequest) { try await kit.token(agent, with: ["task_id": "t"]) }
    }

    @Test("limits are shown, kept, and refused when they are none")
    func registration() async throws {
        let kit = try await LegateKit.start()
        _ = try await agent(kit, ["max_task_tokens": 7, "max_task_life": 90])
        let again = try await kit.restarted()
        let client = try #require(again.client(World.id("limited")))
        #expect(client.maxTaskTokens == 7)
        #expect(client.maxTaskLife == 90)
        let document = client.document(at: again.clock.time)
        #expect(document["max_task_tokens"] == 7)
        #expect(document["max_task_life"] == 90)
        for (member, value) in [
            ("max_task_tokens", 0), ("max_task_tokens", -1), ("max_task_tokens", 1_000_001), ("max_task_tokens", 1.5),
            ("max_task_tokens", "3"), ("max_task_life", 0), ("max_task_life", 2_592_001),
        ] as [(String, JSON)] {
            await expectInvalid(member) { try await again.update(.client, "limited", [member: value]) }
        }
    }
}
