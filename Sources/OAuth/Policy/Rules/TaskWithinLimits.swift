/// A task must not live longer, nor take more tokens, than its client is allowed.
///
/// The rule looks at what is remembered and gives the reason; the ledger counts exactly and decides last.
package struct TaskWithinLimits: PolicyRule {
    package static let name = "task_limits"
    package init() {}

    package func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal? {
        guard let task = authorization.task, let limits = authorization.client.taskLimits,
            let tally = context.registry.taskTallies.tally(of: authorization.client.id, in: task, at: context.now)
        else { return nil }
        if let life = limits.life, let end = limits.end(ofTaskBegunAt: tally.firstAt), end <= context.now.seconds {
            return refuse(
                .invalidRequest, "the task \(task) has lived its \(life) seconds (max_task_life): begin another"
            )
        }
        if let tokens = limits.tokens, tally.tokens >= tokens {
            return refuse(
                .invalidRequest, "the task \(task) has taken its \(tokens) tokens (max_task_tokens): begin another"
            )
        }
        return nil
    }

    /// When a token ends at the latest because its task does, in seconds since 1970. Nil when the life of the task is
    /// not limited.
    static func end(of authorization: Authorization, in context: PolicyContext) -> Int64? {
        guard let task = authorization.task, let limits = authorization.client.taskLimits else { return nil }
        let tally = context.registry.taskTallies.tally(of: authorization.client.id, in: task, at: context.now)
        return limits.end(ofTaskBegunAt: tally?.firstAt ?? context.now)
    }
}
