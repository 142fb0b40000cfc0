import JOSE

/// How much a client may take in one task: for how long, and how many tokens.
///
/// What one client takes does not count for another: a client that takes part in another's task by exchange has its
/// own limits and its own account.
package struct TaskLimits: Sendable, Equatable {
    /// Seconds from the first token that the client took in the task; its last token ends by then too.
    package let life: Int?
    /// Tokens, whatever they are for.
    package let tokens: Int?

    /// Nil when nothing is limited.
    package init?(life: Int?, tokens: Int?) {
        guard life != nil || tokens != nil else { return nil }
        self.life = life
        self.tokens = tokens
    }

    /// What an operator may set. A task cannot live longer than its name would stay closed afterwards.
    package static let lives = 1...TaskDesk.closedFor
    package static let counts = 1...1_000_000

    /// When the tokens of a task end at the latest that began then, in whole seconds since 1970.
    func end(ofTaskBegunAt first: Timestamp) -> Int64? { life.map { first.adding(seconds: $0).seconds } }
}

extension Client {
    package var taskLimits: TaskLimits? { TaskLimits(life: maxTaskLife, tokens: maxTaskTokens) }
}

extension DocumentReader {
    /// A whole number within `range`.
    mutating func count(_ field: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = value(field) else { return nil }
        guard let number = value.integer, let count = Int(exactly: number), range.contains(count) else {
            refuse(field, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return count
    }
}
