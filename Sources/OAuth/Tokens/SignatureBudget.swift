import Synchronization

/// How many signatures a stranger can have checked in vain: so many in ten seconds for one address.
///
/// Tokens that were verified before need no check and are never held back; nor are those that an authenticated party
/// hands on.
package final class SignatureBudget: Sendable {
    static let capacity = 8192

    private static let policy = RateLimitPolicy.failedSignatures
    private let state = Mutex(
        AttemptTable<String>(seconds: SignatureBudget.policy.window, capacity: SignatureBudget.capacity)
    )

    package init() {}

    /// - Throws: `slow_down` when the address has used it up.
    package func require(_ peer: String, at now: Timestamp) throws(OAuthError) {
        let network = PeerNetwork.of(peer)
        let wait = state.withLock { table -> Int? in
            table.count(network, at: now) >= Self.policy.quota ? table.rest(network, at: now) : nil
        }
        if let wait { throw Self.policy.refusal("tokens that do not verify", retryAfter: wait) }
    }

    /// A signature was checked, and it was wrong.
    package func spend(_ peer: String, at now: Timestamp) {
        let network = PeerNetwork.of(peer)
        state.withLock { $0.add(network, at: now) }
    }

    /// Addresses in memory.
    var size: Int { state.withLock(\.size) }
}
