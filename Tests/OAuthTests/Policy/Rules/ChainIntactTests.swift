import Testing

@testable import OAuth

@Suite("Rule: the chain is intact")
struct ChainIntactTests {
    private func chain(_ names: String...) -> ActorChain? {
        names.reversed().reduce(nil as ActorChain?) { ActorChain(Actor(clientID: Fixtures.id($1)), earlier: $0) }
    }

    private func objection(_ chain: ActorChain?, disabled: String? = nil) throws -> Refusal? {
        let clients = ["a", "b", "c", "d", "e", "f"].map { name in
            Fixtures.client(name) { $0.enabled = name != disabled }
        }
        let registry = try Fixtures.registry(clients: clients)
        let authorization = Fixtures.authorization(clients[0]) { $0.actors = chain }
        return ChainIntact().objection(to: authorization, in: Fixtures.context(registry))
    }

    @Test("no chain and five enabled actors pass")
    func passes() throws {
        #expect(try objection(nil) == nil)
        #expect(try objection(chain("a", "b", "c", "d", "e")) == nil)
    }

    @Test("a sixth actor is refused")
    func sixth() throws {
        let refusal = try objection(chain("a", "b", "c", "d", "e", "f"))
        #expect(refusal?.code == .invalidRequest)
        #expect(refusal?.rule == "chain_intact")
    }

    @Test("a disabled client anywhere in the chain is refused", arguments: ["a", "b", "c"])
    func disabled(name: String) throws {
        #expect(try objection(chain("a", "b", "c"), disabled: name)?.reason.hasSuffix(": \(name)") == true)
    }

    @Test("a client that is gone counts as disabled")
    func gone() throws { #expect(try objection(chain("a", "ghost"))?.code == .invalidRequest) }
}
