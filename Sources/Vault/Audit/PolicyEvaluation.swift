/// Which rule decided, and how: the `policy_evaluation` of an audit record.
package struct PolicyEvaluation: Sendable, Equatable {
    /// `permit` or `refuse`.
    package var verdict: String
    /// The rule's name.
    package var rule: String
    /// What would have to change for another verdict.
    package var reason: String?

    package init(verdict: String, rule: String, reason: String? = nil) {
        self.verdict = verdict
        self.rule = rule
        self.reason = reason
    }
}
