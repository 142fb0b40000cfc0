/// The chain of actors must not grow without end, and everyone in it must still be in service.
package struct ChainIntact: PolicyRule {
    package static let name = "chain_intact"
    package init() {}

    package func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal? {
        guard let chain = authorization.actors else { return nil }
        guard chain.depth <= ActorChain.maximumDepth else {
            return refuse(.invalidRequest, "the chain of actors is deeper than \(ActorChain.maximumDepth)")
        }
        for actor in chain.actors where context.registry.client(actor.clientID)?.enabled != true {
            return refuse(.invalidRequest, "a client in the chain of actors is disabled: \(actor.clientID)")
        }
        return nil
    }
}
