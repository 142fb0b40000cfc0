package import Revocations

/// Everything in a token by which it can be revoked, in the types of the domain.
package struct TokenIdentity: Sendable, Equatable {
    package var jti: String
    package var issuedAt: Int64
    package var keyID: String?
    package var subject: String
    package var clientID: ClientID
    package var agentID: String?
    package var delegationID: DelegationID?
    package var task: QualifiedName?
    package var session: QualifiedName?
    package var actors: ActorChain?

    package init(
        jti: String, issuedAt: Int64, keyID: String? = nil, subject: String, clientID: ClientID,
        agentID: String? = nil, delegationID: DelegationID? = nil, task: QualifiedName? = nil,
        session: QualifiedName? = nil, actors: ActorChain? = nil
    ) {
        self.jti = jti
        self.issuedAt = issuedAt
        self.keyID = keyID
        self.subject = subject
        self.clientID = clientID
        self.agentID = agentID
        self.delegationID = delegationID
        self.task = task
        self.session = session
        self.actors = actors
    }

    package var ids: RevocableIDs {
        RevocableIDs(
            jti: jti, issuedAt: issuedAt, keyID: keyID, subject: subject, clientID: clientID.text, agentID: agentID,
            delegationID: delegationID?.text, task: task?.text, session: session?.text,
            actors: actors?.actors.map { .init(clientID: $0.clientID.text, agentID: $0.agentID) } ?? []
        )
    }
}
