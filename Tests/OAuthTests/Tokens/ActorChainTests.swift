import JOSE
import Testing

@testable import OAuth

@Suite("The act claim")
struct ActorChainTests {
    private func parse(_ text: String) throws -> ActorChain? { ActorChain(claim: try JSON(parsing: text)) }

    @Test("the most recent actor is outermost")
    func order() throws {
        let first = ActorChain(Actor(clientID: Fixtures.id("planner"), agentID: "planner/i1"))
        let second = ActorChain(Actor(clientID: Fixtures.id("worker")), earlier: first)
        #expect(second.claim.text == #"{"sub":"worker","act":{"sub":"planner","agent_id":"planner/i1"}}"#)
        #expect(ActorChain(claim: second.claim) == second)
        #expect(second.depth == 2)
    }

    @Test("five levels are read, six are not")
    func depth() throws {
        func nested(_ levels: Int) -> String {
            levels == 1 ? #"{"sub":"a"}"# : #"{"sub":"a","act":\#(nested(levels - 1))}"#
        }
        #expect(try parse(nested(5))?.depth == 5)
        #expect(try parse(nested(6)) == nil)
    }

    @Test(
        "what is not a chain is refused whole",
        arguments: [
            "null", "[]", "{}", #""planner""#, #"{"sub":7}"#, #"{"sub":"a/b"}"#, #"{"sub":""}"#,
            #"{"sub":"a","agent_id":7}"#,
            #"{"sub":"a","act":null}"#, #"{"sub":"a","act":{}}"#, #"{"sub":"a","act":[{"sub":"b"}]}"#,
        ]
    )
    func hostile(text: String) throws { #expect(try parse(text) == nil) }
}
