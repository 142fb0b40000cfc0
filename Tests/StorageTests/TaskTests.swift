import OAuth
import Storage
import Support
import Testing

@Suite("What clients have taken in their tasks")
struct TaskTests {
    private struct NotAName: Error {}

    private func use(
        _ name: String = "planner/t", by client: String = "planner", at time: Timestamp = Sample.time,
        ends seconds: Int = 60, life: Int? = nil, tokens: Int? = 2
    ) throws -> TaskUse {
        guard let task = QualifiedName(qualified: name), let limits = TaskLimits(life: life, tokens: tokens) else {
            throw NotAName()
        }
        return TaskUse(
            clientID: World.id(client), task: task, at: time, tokenEnds: time.adding(seconds: seconds).seconds,
            limits: limits
        )
    }

    private func tokens(_ failure: CommitFailure?) -> Int? {
        guard case .overdrawn(let tally) = failure else { return nil }
        return tally.tokens
    }

    @Test("uses are counted up to the limit, for each client and task apart", arguments: Engine.allCases)
    func count(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        for _ in 0..<2 { #expect(try await installation.commit(.useTask(try use())) == nil) }
        #expect(tokens(try await installation.commit(.useTask(try use()))) == 2)
        #expect(try await installation.commit(.useTask(try use("planner/u"))) == nil)
        #expect(try await installation.commit(.useTask(try use(by: "worker"))) == nil)
        #expect(try await installation.commit(.useTask(try use(tokens: 3))) == nil)
        let again = try await installation.reopened()
        #expect(tokens(try await again.commit(.useTask(try use()))) == 3)
    }

    @Test("in one transaction as many entries succeed as there is room for", arguments: Engine.allCases)
    func batch(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let entries = try (0..<10).map { _ in Entry(changes: [.useTask(try use(tokens: 4))]) }
        let failures = try await installation.commit(entries)
        #expect(failures.prefix(4).allSatisfy { $0 == nil })
        #expect(failures.dropFirst(4).allSatisfy { tokens($0) == 4 })
    }

    @Test("an entry without room leaves nothing else behind", arguments: Engine.allCases)
    func rolledBack(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.useTask(try use(tokens: 1)))
        #expect(try await installation.commit(.spend(Sample.spend(1)), .useTask(try use(tokens: 1))) != nil)
        #expect(try await installation.commit(.spend(Sample.spend(1))) == nil)
    }

    @Test("a token must end within the life that began with the first one", arguments: Engine.allCases)
    func life(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let later = Sample.time.adding(seconds: 50)
        try await installation.commit(.useTask(try use(life: 100, tokens: nil)))
        #expect(try await installation.commit(.useTask(try use(at: later, ends: 50, life: 100, tokens: nil))) == nil)
        let failure = try await installation.commit(.useTask(try use(at: later, ends: 51, life: 100, tokens: nil)))
        guard case .overdrawn(let tally) = failure else { return #expect(failure != nil) }
        #expect(tally.firstAt == Sample.time)
    }

    @Test("a task that has been idle long enough begins anew, pruned or not", arguments: Engine.allCases)
    func forgotten(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let used = try use(tokens: 1)
        try await installation.commit(.useTask(used))
        let early = Timestamp(milliseconds: used.forgetAt.milliseconds - 1)
        try await installation.store.prune(at: early)
        #expect(try await installation.commit(.useTask(try use(at: early, tokens: 1))) != nil)
        #expect(try await installation.commit(.useTask(try use(at: used.forgetAt, tokens: 1))) == nil)
        #expect(try await installation.commit(.useTask(try use(at: used.forgetAt, tokens: 1))) != nil)
        try await installation.store.prune(at: used.forgetAt.adding(seconds: 365 * 86_400))
        #expect(try await installation.commit(.useTask(try use(tokens: 1))) == nil)
    }

    @Test("what was spent can be asked for without spending it", arguments: Engine.allCases)
    func isSpent(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let spend = Sample.spend(1)
        #expect(try await !installation.store.isSpent(spend.digest))
        try await installation.commit(.spend(spend))
        #expect(try await installation.store.isSpent(spend.digest))
        #expect(try await !installation.store.isSpent(Sample.spend(2).digest))
    }
}
