import Revocations

/// Ends delegations together with what they stand on, and leaves none behind.
///
/// A request that was decided before the end may store a delegation in the same moment, too late to be in the list of
/// those that end. Its token is dead by the tombstone; the delegation would live on. So once the end is durable, what
/// was made up to then and still lives is ended too. After that nothing can be made that was decided before.
struct DelegationSweep: Sendable {
    let registry: Registry
    let ledger: Ledger
    let now: Now

    /// How often somebody else may change the same things in the same moment.
    private static let attempts = 8

    /// Commits an entry and the end of every live delegation that matches.
    ///
    /// - Parameter entry: made again for each attempt, with what is there then.
    /// - Returns: the tombstones, those of the entry first.
    @discardableResult
    func commit(
        ending matches: (Delegation) -> Bool, reason: String, with entry: (Timestamp) throws -> Entry
    ) async throws -> [Revocation] {
        var failure: any Error = CommitFailure.missing("")
        for _ in 0..<Self.attempts {
            let time = now()
            var whole = try entry(time)
            whole.end(registry.liveDelegations(at: time, where: matches), at: time, reason: reason)
            do {
                let tombstones = try await ledger.commit(whole).revocations
                try await sweep(matches, reason: reason)
                return tombstones
            } catch let error as CommitFailure {
                guard Self.isPassing(error) else { throw error }
                failure = error
            }
        }
        throw failure
    }

    /// Ends what was made up to now and still lives; to be called when the end is durable.
    func sweep(_ matches: (Delegation) -> Bool, reason: String) async throws {
        let end = now()
        for _ in 0..<Self.attempts {
            let late = registry.liveDelegations(at: end) { $0.createdAt <= end && matches($0) }
            if late.isEmpty { return }
            var entry = Entry()
            entry.end(late, at: end, reason: reason)
            do {
                try await ledger.commit(entry)
            } catch let error as CommitFailure {
                guard Self.isPassing(error) else { throw error }
            }
        }
    }

    /// Whether the failure says that somebody else was faster, so that another look helps.
    private static func isPassing(_ failure: CommitFailure) -> Bool {
        switch failure {
        case .missing, .stale: true
        default: false
        }
    }
}
