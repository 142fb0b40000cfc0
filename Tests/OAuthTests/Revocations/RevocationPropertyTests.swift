import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

/// Trees of exchanges, grown at random: whatever is revoked, the tokens that carry its id are dead and all others live.
@Suite("Revocation, as a property")
struct RevocationPropertyTests {
    private struct Leaf {
        let response: TokenResponse
        let holder: Party
        var identity: TokenIdentity { response.token.identity }
    }

    /// Three agents that act as three resources, and the users' delegations to each of them.
    private struct Forest {
        let kit: LegateKit
        let agents: [Party]
        let hops: [ResourceURI]

        static func plant() async throws -> Forest {
            let kit = try await LegateKit.start()
            let hops = (0..<3).map { World.uri("https://hop\($0).example.com") }
            for (index, hop) in hops.enumerated() {
                try await kit.create(
                    .resource,
                    ["resource": .string(hop.text), "name": .string("hop\(index)"), "scopes": ["go", "look"]]
                )
            }
            var agents: [Party] = []
            for (index, hop) in hops.enumerated() {
                agents.append(
                    try await kit.createAgent(
                        "agent\(index)", scopes: ["go", "look"], resources: hops,
                        grants: ["client_credentials", "token_exchange"],
                        with: ["acts_as": .string(hop.text)]
                    )
                )
            }
            for user in ["alice", "bob"] {
                for agent in agents {
                    try await kit.delegate(from: user, to: agent, scopes: "go look", resources: hops)
                }
            }
            return Forest(kit: kit, agents: agents, hops: hops)
        }

        /// One more token: a new root, or a child of one that is there.
        func grow(_ leaves: [Leaf], _ random: inout SeededGenerator) async throws -> Leaf? {
            var names: [String: String] = [:]
            if Bool.random(using: &random) { names["agent_id"] = "i\(Int.random(in: 0..<2, using: &random))" }
            if Bool.random(using: &random) { names["task_id"] = "t\(Int.random(in: 0..<2, using: &random))" }
            if Bool.random(using: &random) { names["session_id"] = "s\(Int.random(in: 0..<2, using: &random))" }
            guard let hop = hops.randomElement(using: &random), let agent = agents.randomElement(using: &random) else {
                return nil
            }
            switch Int.random(in: 0..<6, using: &random) {
            case 0: return Leaf(response: try await kit.token(agent, for: hop, with: names), holder: agent)
            case 1:
                let user = Bool.random(using: &random) ? "alice" : "bob"
                return Leaf(response: try await kit.act(for: user, by: agent, at: hop, with: names), holder: agent)
            default:
                guard let parent = leaves.randomElement(using: &random),
                    let index = hops.firstIndex(of: parent.response.token.audience)
                else { return nil }
                let isOwn = Bool.random(using: &random)
                let holder = isOwn ? parent.holder : agents[index]
                if isOwn { names["agent_id"] = nil }
                guard (parent.identity.actors?.depth ?? 0) < 5 || isOwn else { return nil }
                if holder.id == parent.holder.id { names["agent_id"] = nil }
                return Leaf(
                    response: try await kit.exchange(parent.response.accessToken, by: holder, for: hop, with: names),
                    holder: holder
                )
            }
        }
    }

    /// Every id by which a token can die, as its claims say.
    private func ids(of token: TokenIdentity) throws -> Set<String> {
        let claims = token
        var ids: Set<String> = ["token/\(claims.jti)", "client/\(claims.clientID)"]
        if let agent = claims.agentID { ids.insert("agent/\(agent)") }
        if let delegation = claims.delegationID { ids.insert("delegation/\(delegation)") }
        if let task = claims.task { ids.insert("task/\(task)") }
        if let session = claims.session { ids.insert("session/\(session)") }
        if claims.subject.contains("|") {
            ids.insert("subject/\(claims.subject)")
        } else {
            ids.insert("client/\(claims.subject)")
        }
        for actor in claims.actors?.actors ?? [] {
            ids.insert("client/\(actor.clientID)")
            ids.insert("agent/\(actor.agentID ?? actor.clientID.text)")
        }
        return ids
    }

    @Test("exactly the tokens that carry the id are dead", arguments: 1...8 as ClosedRange<UInt64>)
    func exactly(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let forest = try await Forest.plant()
        let kit = forest.kit
        var leaves: [Leaf] = []
        for _ in 0..<30 {
            if let leaf = try await forest.grow(leaves, &random) { leaves.append(leaf) }
        }
        var revoked: Set<String> = []
        for _ in 0..<4 {
            guard let victim = leaves.randomElement(using: &random),
                let id = try ids(of: victim.identity).sorted().randomElement(using: &random),
                let slash = id.firstIndex(of: "/"), let kind = Revocation.Kind(rawValue: String(id[..<slash]))
            else { continue }
            revoked.insert(id)
            let name = String(id[id.index(after: slash)...])
            try await kit.end(kind, name)
            if kind == .subject {
                for agent in forest.agents {
                    guard let user = UserSubject(claim: name) else { continue }
                    for delegation in kit.server.registry.delegations(of: user, to: agent.id, at: kit.clock.time) {
                        revoked.insert("delegation/\(delegation.id)")
                    }
                }
            }
            for leaf in leaves {
                let isDead = try !ids(of: leaf.identity).isDisjoint(with: revoked)
                let isActive = try await kit.isActive(leaf.response.accessToken)
                #expect(isActive != isDead, "seed \(seed): after \(revoked), \(leaf.identity)")
            }
        }
        let again = try await kit.restarted()
        for leaf in leaves {
            let isDead = try !ids(of: leaf.identity).isDisjoint(with: revoked)
            #expect(try await again.isActive(leaf.response.accessToken) != isDead, "seed \(seed), after a restart")
        }
    }

    @Test("no chain of exchanges ends with more than it began with", arguments: 101...104 as ClosedRange<UInt64>)
    func neverMore(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let forest = try await Forest.plant()
        var leaves: [Leaf] = []
        for _ in 0..<40 {
            guard let leaf = try await forest.grow(leaves, &random) else { continue }
            leaves.append(leaf)
            forest.kit.clock.advance(.milliseconds(Int64.random(in: 0..<2000, using: &random)))
        }
        let byID = Dictionary(leaves.map { ($0.identity.jti, $0) }) { first, _ in first }
        var children = 0
        for record in try await forest.kit.records() where record.event.name == .tokenExchanged {
            guard let parent = record.event.parentJTI.flatMap({ byID[$0] }),
                let child = record.event.jti.flatMap({ byID[$0] })
            else { continue }
            children += 1
            #expect(child.response.token.scopes.isSubset(of: parent.response.token.scopes))
            #expect(child.response.token.expiresAt <= parent.response.token.expiresAt)
            #expect(child.identity.subject == parent.identity.subject)
            #expect(child.identity.delegationID == parent.identity.delegationID)
            if let task = parent.identity.task { #expect(child.identity.task == task) }
            if let session = parent.identity.session { #expect(child.identity.session == session) }
            let before = parent.identity.actors?.actors ?? []
            let after = child.identity.actors?.actors ?? []
            #expect(after.suffix(before.count) == before[...])
            #expect(after.count <= before.count + 1)
        }
        #expect(children > 5)
    }
}
