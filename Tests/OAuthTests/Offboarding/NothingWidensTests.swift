import JOSE
import OAuth
import Revocations
import Support
import Testing

@Suite("Ending something never widens anything")
struct NothingWidensTests {
    @Test("a client that is deleted and registered again under its name inherits nothing")
    func client() async throws {
        let kit = try await LegateKit.start()
        let agent = try await kit.createAgent(
            "phoenix", scopes: ["calendar.read"], resources: [World.calendar],
            grants: ["client_credentials", "token_exchange"]
        )
        try await kit.delegate(to: agent, scopes: "calendar.read")
        try await kit.allow(agent)
        let own = try await kit.token(agent).accessToken
        let hers = try await kit.act(by: agent).accessToken
        try await kit.end(.agent, "phoenix/i1")
        try await kit.delete(.client, "phoenix")
        kit.clock.nextSecond()
        let reborn = try await kit.createAgent(
            "phoenix", scopes: ["calendar.read"], resources: [World.calendar],
            grants: ["client_credentials", "token_exchange"]
        )
        for token in [own, hers] { #expect(try await !kit.isActive(token)) }
        await expectRefusal(.invalidRequest) { try await kit.act(by: reborn) }
        await expectRefusal(.invalidRequest) { try await kit.act(for: "bob", by: reborn) }
        await expectRefusal(.invalidRequest) { try await kit.token(reborn, with: ["agent_id": "i1"]) }
        await expectRefusal(.invalidClient) { try await kit.token(agent) }
        try await kit.token(reborn)
    }

    @Test("a client that is enabled again is alive; its old tokens are not, nor those in whose chain it acted")
    func enabledAgain() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools])
        let own = try await kit.token(kit.planner).accessToken
        let first = try await kit.act(by: kit.planner, at: World.tools).accessToken
        let second = try await kit.exchange(first, by: kit.worker, for: World.orders).accessToken
        try await kit.update(.client, "planner", ["enabled": false])
        kit.clock.nextSecond()
        try await kit.update(.client, "planner", ["enabled": true])
        for token in [own, first, second] {
            #expect(try await !kit.isActive(token))
            await expectRefusal(.invalidRequest) { try await kit.exchange(token, by: kit.worker, for: World.orders) }
        }
        #expect(try await kit.isActive(try await kit.token(kit.planner).accessToken))
        let again = try await kit.restarted()
        for token in [own, first, second] { #expect(try await !again.isActive(token)) }
    }

    @Test("an issuer that is distrusted and trusted again brings back no token, delegation, rule or workload")
    func issuer() async throws {
        let kit = try await LegateKit.start()
        let lab = try await kit.trustLab()
        try await kit.create(
            .delegation,
            [
                "issuer": "lab", "subject": "alice", "client_id": "planner", "scopes": ["calendar.read"],
                "resources": [.string(World.calendar.text)],
            ]
        )
        try await kit.allow(kit.planner, with: ["issuer": "lab"])
        try await kit.update(
            .client, "runner", ["workloads": [["issuer": "lab", "subject": "runner"]], "auth": "workload"])
        func act(_ user: String, _ party: Party) async throws -> String {
            try await kit.exchange(
                try lab.token(user, audience: kit.issuer), by: party, for: World.calendar, type: .jwt
            ).accessToken
        }
        let tokens = [try await act("alice", kit.planner), try await act("bob", kit.planner)]
        try await kit.delete(.issuer, "lab")
        kit.clock.nextSecond()
        _ = try await kit.trustLab()
        for token in tokens { #expect(try await !kit.isActive(token)) }
        for user in ["alice", "bob", "carol"] {
            await expectRefusal(.invalidRequest) { try await act(user, kit.planner) }
        }
        #expect(kit.client(World.id("runner"))?.workloads.isEmpty == true)
    }

    @Test("a delegation that is deleted stays in the way of the rules, and of those made afterwards")
    func delegation() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner, scopes: "calendar.read")
        let token = try await kit.act(by: kit.planner).accessToken
        try await kit.allow(kit.planner, scopes: "calendar.read calendar.write")
        try await kit.delete(.delegation, delegation.id.text)
        kit.clock.nextSecond()
        #expect(try await !kit.isActive(token))
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        try await kit.allow(kit.planner, scopes: "calendar.read", with: ["subject": "alice"])
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        let again = try await kit.restarted()
        await expectRefusal(.invalidRequest) { try await again.act(by: again.planner) }
    }

    @Test("without its rule a user gets no delegation, and a narrowed one stays as narrow as it is")
    func rule() async throws {
        let kit = try await LegateKit.start()
        let rule = try await kit.allow(kit.planner, scopes: "calendar.read calendar.write")
        let token = try await kit.act(by: kit.planner)
        let id = try #require(token.token.identity.delegationID)
        try await kit.update(.delegation, id.text, ["scopes": ["calendar.read"]])
        try await kit.delete(.rule, rule.id.text)
        await expectRefusal(.invalidScope) { try await kit.act(by: kit.planner, scope: "calendar.write") }
        #expect(try await kit.act(by: kit.planner).scope == "calendar.read")
        await expectRefusal(.invalidRequest) { try await kit.act(for: "bob", by: kit.planner) }
    }

    @Test("a delegation that is made in the moment in which its subject, issuer or client goes does not stay behind")
    func stragglers() async throws {
        for round in 0..<6 {
            let kit = try await LegateKit.start()
            kit.clock.run()
            let agent = try await kit.createAgent(
                "agent", scopes: ["calendar.read"], resources: [World.calendar], grants: ["token_exchange"]
            )
            try await kit.allow(agent)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<12 {
                    group.addTask {
                        let user = round % 3 == 0 ? "alice" : "user\(number)"
                        _ = try? await kit.act(for: user, by: agent)
                    }
                }
                group.addTask {
                    do {
                        switch round % 3 {
                        case 0: try await kit.end(.subject, "corp|alice")
                        case 1: try await kit.delete(.issuer, "corp")
                        default: try await kit.delete(.client, "agent")
                        }
                    } catch {
                        Issue.record("\(error)")
                    }
                }
                await group.waitForAll()
            }
            // What was made after the end of a subject is a new beginning; with the issuer or client there is none.
            let end = try await kit.store.revocations(after: 0, limit: 1).first?.issuedBefore ?? 0
            let left = kit.server.registry.liveDelegations(at: kit.clock.time) {
                round % 3 != 0 || $0.createdAt.seconds <= end
            }
            #expect(left.isEmpty, "round \(round): \(left.count)")
        }
    }

    @Test("a delegation or rule that was decided before its client went is not stored after")
    func decidedBefore() async throws {
        let kit = try await LegateKit.start()
        let agent = try await kit.createAgent("agent", scopes: ["calendar.read"], resources: [World.calendar])
        let delegation = try await kit.delegate(to: agent, scopes: "calendar.read")
        let rule = try await kit.allow(agent)
        try await kit.delete(.client, "agent")
        for object in [RegistryObject.delegation(delegation), .rule(rule)] {
            await #expect(throws: CommitFailure.missing("agent")) {
                try await kit.server.ledger.commit(Entry(changes: [.create(object)]))
            }
        }
    }
}
