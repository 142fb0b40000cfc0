package import Revocations

/// Everything in a token by which it can be revoked, in the types of the domain.
///
/// Token, ledger, leases and caches hold the same one: ten texts behind one reference.
package final class TokenIdentity: Sendable, Equatable {
    package let jti: String
    package let issuedAt: Int64
    package let keyID: String?
    package let subject: String
    package let clientID: ClientID
    package let agentID: String?
    package let delegationID: DelegationID?
    package let task: QualifiedName?
    package let session: QualifiedName?
    package let actors: ActorChain?

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

    package static func == (left: TokenIdentity, right: TokenIdentity) -> Bool {
        left.jti == right.jti && left.issuedAt == right.issuedAt && left.keyID == right.keyID
            && left.subject == right.subject && left.clientID == right.clientID && left.agentID == right.agentID
            && left.delegationID == right.delegationID && left.task == right.task && left.session == right.session
            && left.actors == right.actors
    }
}
