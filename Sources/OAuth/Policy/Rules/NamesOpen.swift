import Revocations

/// A task, session or agent instance that was closed gets no new tokens.
package struct NamesOpen: PolicyRule {
    package static let name = "names_open"
    package init() {}

    package func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal? {
        let names: [(Revocation.Kind, QualifiedName?, String)] = [
            (.task, authorization.task, "the task"), (.session, authorization.session, "the session"),
            (.agent, authorization.agentInstance, "the agent instance"),
        ]
        for (kind, name, words) in names {
            guard let name, context.registry.isClosed(kind, name.text, at: context.now) else { continue }
            return refuse(.invalidRequest, "\(words) was ended: \(name)")
        }
        if authorization.agentInstance == nil,
            context.registry.isClosed(.agent, authorization.client.id.text, at: context.now)
        {
            return refuse(.invalidRequest, "the agent's unnamed instance was ended")
        }
        return nil
    }
}
