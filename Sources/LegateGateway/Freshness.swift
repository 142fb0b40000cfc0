import Synchronization

/// Up to which moment the gateway knows for certain what was revoked.
///
/// What counts is when the server signed that all is known, not when it arrived: whoever holds messages back gains
/// nothing. The moment is kept on the clock that never goes back, so that nobody gains by the time of day either.
final class Freshness: Sendable {
    private let limit: Duration
    private let clock: GatewayClock
    private let proof = Mutex<Duration?>(nil)

    /// Seconds by which the clock of the server may be ahead of ours.
    static let leeway: Int64 = 60

    init(limit: Duration, clock: GatewayClock) {
        self.limit = limit
        self.clock = clock
    }

    /// Whether tokens may be accepted now. False until the first proof.
    var isFresh: Bool {
        guard let proof = proof.withLock({ $0 }) else { return false }
        return clock.elapsed() - proof <= limit
    }

    /// Notes that the server knew of nothing more at that second.
    ///
    /// - Returns: for how much longer tokens may be accepted; negative when it is too late already.
    @discardableResult
    func prove(_ issuedAt: Int64) -> Duration {
        let age = Duration.seconds(max(0, clock.seconds() - issuedAt))
        let now = clock.elapsed()
        return proof.withLock { proof in
            let latest = max(proof ?? now - age, now - age)
            proof = latest
            return limit - (now - latest)
        }
    }
}
