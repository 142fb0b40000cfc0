import Testing

@testable import OAuth

@Suite("Rule: the task is within its limits")
struct TaskWithinLimitsTests {
    private static let task = QualifiedName("t", of: Fixtures.id("planner"))

    private func objection(
        taken: Int, firstAt: Timestamp = Fixtures.now, life: Int? = nil, tokens: Int? = nil,
        task: QualifiedName? = Self.task, forgetAt: Timestamp = Fixtures.now.adding(seconds: 60)
    ) throws -> Refusal? {
        let registry = try Fixtures.registry()
        if let name = Self.task {
            registry.taskTallies.put(
                TaskTally(
                    clientID: Fixtures.id("planner"), task: name, firstAt: firstAt, tokens: taken, forgetAt: forgetAt
                )
            )
        }
        let client = Fixtures.client("planner") { client in
            client.maxTaskLife = life
            client.maxTaskTokens = tokens
        }
        let authorization = Fixtures.authorization(client) { $0.task = task }
        return TaskWithinLimits().objection(to: authorization, in: Fixtures.context(registry))
    }

    @Test("the last token is the one that reaches the limit")
    func count() throws {
        #expect(try objection(taken: 2, tokens: 3) == nil)
        #expect(try objection(taken: 3, tokens: 3)?.code == .invalidRequest)
        #expect(try objection(taken: 4, tokens: 3) != nil)
    }

    @Test("the life ends in the second in which it is over")
    func life() throws {
        let begun = Fixtures.now.adding(seconds: -60)
        #expect(try objection(taken: 1, firstAt: begun, life: 61) == nil)
        #expect(try objection(taken: 1, firstAt: begun, life: 60)?.code == .invalidRequest)
    }

    @Test("without limits, without a task, or for another task there is nothing against it")
    func nothing() throws {
        #expect(try objection(taken: 1_000_000) == nil)
        #expect(try objection(taken: 9, tokens: 3, task: nil) == nil)
        #expect(try objection(taken: 9, tokens: 3, task: QualifiedName("u", of: Fixtures.id("planner"))) == nil)
        #expect(try objection(taken: 9, tokens: 3, task: QualifiedName("t", of: Fixtures.id("worker"))) == nil)
    }

    @Test("what has been idle long enough counts no more")
    func forgotten() throws {
        #expect(try objection(taken: 9, tokens: 3, forgetAt: Fixtures.now) == nil)
    }

    @Test("the memory of what was taken is bounded, and what was used lately stays")
    func bounded() throws {
        let tallies = TaskTallies()
        for number in 0..<40_000 {
            let name = try #require(QualifiedName("t\(number)", of: Fixtures.id("planner")))
            tallies.put(
                TaskTally(
                    clientID: Fixtures.id("planner"), task: name, firstAt: Fixtures.now, tokens: 1,
                    forgetAt: Fixtures.now.adding(seconds: 60)
                )
            )
        }
        let last = try #require(QualifiedName("t39999", of: Fixtures.id("planner")))
        let first = try #require(QualifiedName("t0", of: Fixtures.id("planner")))
        #expect(tallies.tally(of: Fixtures.id("planner"), in: last, at: Fixtures.now)?.tokens == 1)
        #expect(tallies.tally(of: Fixtures.id("planner"), in: first, at: Fixtures.now) == nil)
    }
}
