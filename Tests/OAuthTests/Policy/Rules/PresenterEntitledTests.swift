import Testing

@testable import OAuth

@Suite("Rule: the presenter is entitled")
struct PresenterEntitledTests {
    private func objection(
        _ subject: SubjectToken?, by client: Client, under delegation: Delegation? = nil
    ) throws -> Refusal? {
        let authorization = Fixtures.authorization(client) {
            $0.subjectToken = subject
            $0.delegation = delegation
        }
        return PresenterEntitled().objection(to: authorization, in: Fixtures.context(try Fixtures.registry()))
    }

    private let worker = Fixtures.client("worker") { $0.actsAs = Fixtures.uri("tools") }
    private let stranger = Fixtures.client("stranger") { $0.actsAs = Fixtures.uri("elsewhere") }

    @Test("a client may exchange its own token")
    func own() throws {
        #expect(try objection(.own(Fixtures.token(of: "planner")), by: Fixtures.client("planner")) == nil)
    }

    @Test("the resource that the token is for may exchange it")
    func audience() throws {
        #expect(try objection(.own(Fixtures.token(of: "planner", for: "tools")), by: worker) == nil)
    }

    @Test("whoever else holds a token is refused")
    func deputy() throws {
        let token = Fixtures.token(of: "planner", for: "tools")
        for client in [stranger, Fixtures.client("plain")] {
            let refusal = try objection(.own(token), by: client)
            #expect(refusal?.code == .invalidRequest)
            #expect(refusal?.rule == "presenter_entitled")
        }
    }

    @Test("may_act in the token lets that client act and nobody else, not even the audience")
    func mayActInToken() throws {
        let token = Fixtures.token(of: "planner", for: "tools", mayAct: "stranger")
        #expect(try objection(.own(token), by: stranger) == nil)
        #expect(try objection(.own(token), by: worker)?.code == .invalidRequest)
        #expect(try objection(.own(token), by: Fixtures.client("planner")) == nil)
    }

    @Test("a list in the delegation is exclusive, for any number of names")
    func mayActInDelegation() throws {
        let token = Fixtures.token(of: "planner", for: "tools")
        let list = try Fixtures.delegation(to: "planner", mayAct: ["stranger", "other"])
        #expect(try objection(.own(token), by: stranger, under: list) == nil)
        #expect(try objection(.own(token), by: worker, under: list)?.code == .invalidRequest)
        let open = try Fixtures.delegation(to: "planner")
        #expect(try objection(.own(token), by: worker, under: open) == nil)
        #expect(try objection(.own(token), by: stranger, under: open)?.code == .invalidRequest)
    }

    @Test("a user's token that names an actor is for that client alone")
    func foreign() throws {
        #expect(try objection(.foreign(Fixtures.foreignToken()), by: worker) == nil)
        #expect(try objection(.foreign(Fixtures.foreignToken(mayAct: "worker")), by: worker) == nil)
        #expect(try objection(.foreign(Fixtures.foreignToken(mayAct: "planner")), by: worker)?.code == .invalidRequest)
    }
}
