import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("The owner desk")
struct OwnerDeskTests {
    private func team(_ kit: LegateKit, owner: JSON = "team-a") async throws -> [Party] {
        var parties: [Party] = []
        for name in ["a1", "a2", "a3"] {
            parties.append(
                try await kit.createAgent(
                    name, scopes: ["calendar.read"], resources: [World.calendar], with: ["owner": owner]
                )
            )
        }
        return parties
    }

    @Test("all clients of the owner stop, no other does, and their old tokens stay dead when they are back")
    func disables() async throws {
        let kit = try await LegateKit.start()
        let agents = try await team(kit)
        var tokens: [String] = []
        for agent in agents { tokens.append(try await kit.token(agent).accessToken) }
        let other = try await kit.token(kit.planner).accessToken
        let (owner, clients) = try await kit.server.ownerDesk.disable(["owner": "team-a"], by: kit.admin())
        #expect(owner == "team-a")
        #expect(clients == agents.map(\.id))
        for (agent, token) in zip(agents, tokens) {
            #expect(try await !kit.isActive(token))
            await expectRefusal(.invalidClient) { try await kit.token(agent) }
            let record = try #require(try await kit.records { $0.target = "client/\(agent.id)" }.last?.event)
            #expect(record.name == .clientUpdated)
            #expect(record.before?.contains(#""enabled":true"#) == true)
            #expect(record.after?.contains(#""enabled":false"#) == true)
        }
        #expect(try await kit.isActive(other))
        kit.clock.nextSecond()
        let again = try await kit.restarted()
        for agent in agents { try await again.update(.client, agent.id.text, ["enabled": true]) }
        for token in tokens { #expect(try await !again.isActive(token)) }
        try await again.token(agents[0])
    }

    @Test("those that are disabled already are left alone; doing it twice changes nothing")
    func idempotent() async throws {
        let kit = try await LegateKit.start()
        let agents = try await team(kit)
        try await kit.update(.client, "a2", ["enabled": false])
        let first = try await kit.server.ownerDesk.disable(["owner": "team-a"], by: kit.admin())
        #expect(first.clients == [agents[0].id, agents[2].id])
        let count = kit.auditCount
        #expect(try await kit.server.ownerDesk.disable(["owner": "team-a"], by: kit.admin()).clients.isEmpty)
        #expect(kit.auditCount == count)
    }

    @Test("a client that is changed in the same moment is disabled all the same")
    func races() async throws {
        let kit = try await LegateKit.start()
        let agents = try await team(kit)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for round in 0..<20 {
                group.addTask {
                    do {
                        try await kit.update(.client, "a\(round % 3 + 1)", ["purpose": .string("round \(round)")])
                    } catch is Registrar.Failure {
                        // Somebody else was faster.
                    }
                }
            }
            group.addTask { _ = try await kit.server.ownerDesk.disable(["owner": "team-a"], by: kit.admin()) }
            try await group.waitForAll()
        }
        for agent in agents { #expect(kit.client(agent.id)?.enabled == false) }
    }

    @Test("nobody is disabled when the last operator would be among them")
    func lastOperator() async throws {
        let kit = try await LegateKit.start()
        let agents = try await team(kit, owner: "operator@example.com")
        await #expect(throws: LastOperator.self) {
            try await kit.server.ownerDesk.disable(["owner": "operator@example.com"], by: kit.admin())
        }
        for agent in agents { #expect(kit.client(agent.id)?.enabled == true) }
        try await kit.create(.client, ["name": "Next", "kind": "admin", "scopes": ["clients:write"]])
        let done = try await kit.server.ownerDesk.disable(["owner": "operator@example.com"], by: kit.admin())
        #expect(done.clients.count == 4)
    }

    @Test("an owner whom nobody has, or a document without one, is refused")
    func refused() async throws {
        let kit = try await LegateKit.start()
        _ = try await team(kit, owner: "caf\u{E9}")
        for owner in ["team-b", "cafe\u{301}", "Caf\u{E9}"] {
            await #expect(throws: OwnerDesk.UnknownOwner.self) {
                try await kit.server.ownerDesk.disable(["owner": .string(owner)], by: kit.admin())
            }
        }
        await expectInvalid("owner") { try await kit.server.ownerDesk.disable([:], by: kit.admin()) }
        await expectInvalid("owner") { try await kit.server.ownerDesk.disable(["owner": ""], by: kit.admin()) }
        await expectInvalid("who") {
            try await kit.server.ownerDesk.disable(["owner": "caf\u{E9}", "who": 1], by: kit.admin())
        }
        await expectRefusal(.insufficientScope) {
            try await kit.server.ownerDesk.disable(["owner": "caf\u{E9}"], by: kit.admin("clients:read"))
        }
        #expect(kit.client(World.id("a1"))?.enabled == true)
    }
}
