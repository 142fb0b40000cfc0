/// One token that a client with limits takes in a task. The ledger decides whether there is room for it.
package struct TaskUse: Sendable, Equatable {
    /// Whose account it goes to: the client that asked.
    package let clientID: ClientID
    package let task: QualifiedName
    package let at: Timestamp
    /// When the token ends, in whole seconds since 1970.
    package let tokenEnds: Int64
    package let limits: TaskLimits

    /// Nil when the token belongs to no task or the client has no limits.
    init?(of token: AccessToken, by client: Shared<Client>, at time: Timestamp) {
        guard let task = token.identity.task, let limits = client.value.taskLimits else { return nil }
        self.init(clientID: client.value.id, task: task, at: time, tokenEnds: token.expiresAt, limits: limits)
    }

    package init(clientID: ClientID, task: QualifiedName, at: Timestamp, tokenEnds: Int64, limits: TaskLimits) {
        self.clientID = clientID
        self.task = task
        self.at = at
        self.tokenEnds = tokenEnds
        self.limits = limits
    }

    /// Tokens that must have been taken before at most: one less than the limit.
    package var mostTakenBefore: Int { (limits.tokens ?? .max) - 1 }

    /// When the task must have begun at the earliest, so that the token ends within its life.
    package var earliestBegin: Timestamp {
        guard let life = limits.life else { return Timestamp(milliseconds: .min) }
        return Timestamp(seconds: tokenEnds).adding(seconds: -life)
    }

    /// When the account is closed if nothing more is taken. Until a token can have died and a name that was ended at
    /// that moment would be free again, the name goes on with what it has taken; after that it begins anew.
    package var forgetAt: Timestamp { at.adding(seconds: TokenLifetime.ceiling + TaskDesk.closedFor) }
}

/// What a client has taken in a task so far.
package struct TaskTally: Sendable, Equatable {
    package let clientID: ClientID
    package let task: QualifiedName
    /// When its first token was taken.
    package let firstAt: Timestamp
    package let tokens: Int
    /// From then on the name begins anew.
    package let forgetAt: Timestamp

    package init(clientID: ClientID, task: QualifiedName, firstAt: Timestamp, tokens: Int, forgetAt: Timestamp) {
        self.clientID = clientID
        self.task = task
        self.firstAt = firstAt
        self.tokens = tokens
        self.forgetAt = forgetAt
    }
}
