import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("The task desk")
struct TaskDeskTests {
    private func complete(
        _ kit: LegateKit, _ name: String, by party: Party, with form: Form = Form()
    ) async throws {
        try await kit.server.taskDesk.complete(name, for: try kit.request(form, from: party, to: "POST /tasks"))
        kit.clock.nextSecond()
    }

    /// A chain through three hands: a user's delegation, the planner, the worker who exchanges what it was sent.
    private func chain(_ kit: LegateKit, task: String) async throws -> [String] {
        try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools]
        )
        let first = try await kit.act(by: kit.planner, at: World.tools, with: ["task_id": task])
        let second = try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders)
        let third = try await kit.exchange(second.accessToken, by: kit.worker, for: World.orders, scope: "orders.read")
        return [first, second, third].map(\.accessToken)
    }

    @Test("a completed task kills its tokens at every client of the chain, and nothing else, also after a restart")
    func wholeChain() async throws {
        let kit = try await LegateKit.start()
        let tokens = try await chain(kit, task: "t1")
        let other = try await kit.token(kit.planner, with: ["task_id": "t2"]).accessToken
        let sameName = try await kit.token(kit.worker, with: ["task_id": "t1"]).accessToken
        try await complete(kit, "t1", by: kit.planner)
        for token in tokens { #expect(try await !kit.isActive(token)) }
        #expect(try await kit.isActive(other))
        #expect(try await kit.isActive(sameName))
        let again = try await kit.restarted()
        for token in tokens { #expect(try await !again.isActive(token)) }
        #expect(try await again.isActive(other))
        await expectRefusal(.invalidRequest) { try await again.token(again.planner, with: ["task_id": "t1"]) }
    }

    @Test("no client of the chain gets another token with that name, by whichever road")
    func nothingNew() async throws {
        let kit = try await LegateKit.start()
        let tokens = try await chain(kit, task: "t1")
        try await complete(kit, "t1", by: kit.planner)
        await expectRefusal(.invalidRequest) { try await kit.token(kit.planner, with: ["task_id": "t1"]) }
        await expectRefusal(.invalidRequest) {
            try await kit.act(by: kit.planner, at: World.tools, with: ["task_id": "t1"])
        }
        for token in tokens {
            await expectRefusal(.invalidRequest) {
                try await kit.exchange(token, by: kit.worker, for: World.orders)
            }
        }
        try await kit.act(by: kit.planner, at: World.tools, with: ["task_id": "t2"])
    }

    @Test("the name goes with every exchange, and none of them can put another in its place")
    func inherited() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools]
        )
        let first = try await kit.act(by: kit.planner, at: World.tools, with: ["task_id": "t1"])
        let second = try await kit.exchange(
            first.accessToken, by: kit.worker, for: World.orders, with: ["task_id": "mine"]
        )
        #expect(second.token.identity.task?.text == "planner/t1")
        let third = try await kit.exchange(
            second.accessToken, by: kit.worker, for: World.orders, with: ["task_id": "mine"]
        )
        #expect(third.token.identity.task?.text == "planner/t1")
    }

    @Test("a task stays closed for thirty days")
    func reopens() async throws {
        let kit = try await LegateKit.start()
        try await complete(kit, "t", by: kit.planner)
        kit.clock.advance(seconds: 30 * 86_400 - 10)
        try await kit.server.prune()
        await expectRefusal(.invalidRequest) { try await kit.token(kit.planner, with: ["task_id": "t"]) }
        kit.clock.advance(seconds: 10)
        try await kit.server.prune()
        try await kit.token(kit.planner, with: ["task_id": "t"])
    }

    @Test("completing twice is the same as once: one tombstone, one record")
    func idempotent() async throws {
        let kit = try await LegateKit.start()
        for _ in 0..<3 { try await complete(kit, "t", by: kit.planner) }
        try await complete(kit, "planner/t", by: kit.planner)
        let name = try #require(QualifiedName(qualified: "planner/t"))
        try await kit.server.taskDesk.complete(name, reason: nil, by: kit.admin())
        let stored = try await kit.store.revocations(after: 0, limit: 10)
        #expect(stored.map(\.id) == ["planner/t"])
        let records = try await kit.records { $0.target = "task/planner/t" }.map(\.event)
        #expect(records.count == 1)
        #expect(records.first?.name == .taskCompleted)
        #expect(records.first?.decision == .allow)
        #expect(records.first?.taskID == "planner/t")
        #expect(records.first?.clientID == "planner")
    }

    @Test("a client ends no task but its own; the attempt is in the trail, and the tokens live")
    func otherClient() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner, with: ["task_id": "t"]).accessToken
        await expectRefusal(.accessDenied) { try await complete(kit, "planner/t", by: kit.worker) }
        #expect(try await kit.isActive(token))
        let record = try #require(try await kit.lastRecord()?.event)
        #expect(record.name == .taskCompleted)
        #expect(record.decision == .deny)
        #expect(record.clientID == "worker")
        #expect(record.taskID == "planner/t")
        // Its own task of the same name is another one.
        try await complete(kit, "t", by: kit.worker)
        #expect(try await kit.isActive(token))
    }

    @Test("a name that is none is refused", arguments: ["", "a b", "é", "planner/", "planner/a/b", "/t"])
    func malformed(name: String) async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidRequest) { try await complete(kit, name, by: kit.planner) }
    }

    @Test("a stranger and a wrong secret end nothing")
    func strangers() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner, with: ["task_id": "t"]).accessToken
        let count = kit.auditCount
        await expectRefusal(.invalidClient) {
            try await complete(kit, "t", by: Party(kit.planner.id, .basic("wrong")))
        }
        await expectRefusal(.invalidClient) { try await complete(kit, "t", by: Party(kit.planner.id, .none)) }
        #expect(try await kit.isActive(token))
        #expect(kit.auditCount == count)
    }

    @Test("an assertion that was used before ends nothing, not even in memory")
    func replayedAssertion() async throws {
        let kit = try await LegateKit.start()
        let request = try kit.request(Form(), from: kit.signer, to: "POST /tasks")
        try await kit.server.taskDesk.complete("t1", for: request)
        kit.clock.nextSecond()
        let token = try await kit.token(kit.signer, with: ["task_id": "t2"]).accessToken
        await expectRefusal(.invalidClient) { try await kit.server.taskDesk.complete("t2", for: request) }
        #expect(try await kit.isActive(token))
    }

    @Test("an operator ends anyone's task with tasks:write, and not without")
    func operators() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner, with: ["task_id": "t"]).accessToken
        let name = try #require(QualifiedName(qualified: "planner/t"))
        await expectRefusal(.insufficientScope) {
            try await kit.server.taskDesk.complete(name, reason: nil, by: kit.admin("revocations:write"))
        }
        #expect(try await kit.isActive(token))
        try await kit.server.taskDesk.complete(name, reason: "gone wrong", by: kit.admin("tasks:write"))
        #expect(try await !kit.isActive(token))
        #expect(try await kit.lastRecord()?.event.requestContext == "gone wrong")
        #expect(try await kit.store.revocations(after: 0, limit: 10).map(\.reason) == ["gone wrong"])
    }

    @Test("a completion that cannot be stored is an error")
    func storageFails() async throws {
        let kit = try await LegateKit.start()
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await complete(kit, "t", by: kit.planner) }
        kit.store.fail(false)
        try await complete(kit, "t", by: kit.planner)
        await expectRefusal(.invalidRequest) { try await kit.token(kit.planner, with: ["task_id": "t"]) }
    }
}
