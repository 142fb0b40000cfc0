import OAuth
import Storage
import Support
import Testing

@Suite("Tokens of status lists")
struct StatusEntryTests {
    private struct NotAName: Error {}

    private func token(_ jti: String, index: Int, ends seconds: Int, isFull: Bool = false) throws -> ListedToken {
        guard let list = StatusListID("list"), let name = QualifiedName(qualified: "planner/x"),
            let delegation = DelegationID("dlg_1")
        else { throw NotAName() }
        let ends = Sample.time.adding(seconds: seconds).seconds
        let actors = ActorChain(
            Actor(clientID: World.id("worker"), agentID: "worker/i"),
            earlier: ActorChain(Actor(clientID: World.id("planner")))
        )
        let identity = TokenIdentity(
            jti: jti, issuedAt: Sample.time.seconds, keyID: isFull ? "kid" : nil, subject: "corp|älice",
            clientID: World.id("planner"), agentID: isFull ? "planner/i" : nil,
            delegationID: isFull ? delegation : nil, task: isFull ? name : nil, session: isFull ? name : nil,
            actors: isFull ? actors : nil
        )
        return ListedToken(
            reference: StatusReference(list: list, index: index), identity: identity, audience: World.calendar,
            expiresAt: ends
        )
    }

    @Test("come back with everything that can kill them", arguments: Engine.allCases)
    func roundTrip(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let tokens = [try token("a", index: 131_071, ends: 60), try token("b", index: 0, ends: 60, isFull: true)]
        try await installation.commit(.listStatus(tokens[0]), .listStatus(tokens[1]))
        #expect(try await installation.reopened().load(at: Sample.time).listedTokens == tokens)
    }

    @Test("are not read, and then forgotten, when they have expired", arguments: Engine.allCases)
    func expired(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let young = try token("b", index: 2, ends: 61)
        try await installation.commit(.listStatus(try token("a", index: 1, ends: 60)), .listStatus(young))
        let end = Sample.time.adding(seconds: 60)
        #expect(try await installation.load(at: end).listedTokens == [young])
        try await installation.store.prune(at: end)
        #expect(try await installation.load(at: Sample.time).listedTokens == [young])
    }

    @Test("leave nothing behind when their entry fails", arguments: Engine.allCases)
    func rolledBack(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(.spend(Sample.spend(1)))
        let failure = try await installation.commit(
            .listStatus(try token("a", index: 1, ends: 60)), .spend(Sample.spend(1)))
        #expect(failure == .spent)
        #expect(try await installation.load(at: Sample.time).listedTokens.isEmpty)
    }
}
