package import JOSE

/// One acting party: a client, and the running instance of it when one was named.
package struct Actor: Sendable, Equatable {
    package let clientID: ClientID
    /// `client_id/NAME`, when the request named an instance.
    package let agentID: String?

    package init(clientID: ClientID, agentID: String? = nil) {
        self.clientID = clientID
        self.agentID = agentID
    }
}

/// The `act` claim (RFC 8693 section 4.1): who acts, outermost the most recent, earlier ones nested.
package struct ActorChain: Sendable, Equatable {
    /// Most recent first; never empty.
    package let actors: [Actor]

    /// A sixth `act` object is refused.
    package static let maximumDepth = 5

    package init(_ current: Actor, earlier: ActorChain? = nil) {
        actors = [current] + (earlier?.actors ?? [])
    }

    /// Reads a claim. Nil when any level is not an object with a client as `sub`, or the chain is too deep.
    package init?(claim: JSON) {
        var actors: [Actor] = []
        var next: JSON? = claim
        while let level = next {
            guard actors.count < Self.maximumDepth, let object = level.object,
                let subject = object["sub"]?.string, let clientID = ClientID(subject)
            else { return nil }
            if let agent = object["agent_id"], agent.string == nil { return nil }
            actors.append(Actor(clientID: clientID, agentID: object["agent_id"]?.string))
            next = object["act"]
        }
        guard !actors.isEmpty else { return nil }
        self.actors = actors
    }

    package var depth: Int { actors.count }

    /// The claim, verbatim for every earlier level.
    package var claim: JSON {
        var nested: JSON?
        for actor in actors.reversed() {
            var object: JSONObject = ["sub": .string(actor.clientID.text)]
            if let agentID = actor.agentID { object["agent_id"] = .string(agentID) }
            if let nested { object["act"] = nested }
            nested = .object(object)
        }
        return nested ?? .null
    }
}
