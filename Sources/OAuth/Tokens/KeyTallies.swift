import Synchronization

/// How often signing keys changed since the start, for the metrics.
package final class KeyTallies: Sendable {
    private let counts = Mutex((rotations: 0, erasures: 0, failures: 0))

    /// New keys that were published, by the schedule or by hand.
    package var rotations: Int { counts.withLock { $0.rotations } }
    /// Private halves that were erased.
    package var erasures: Int { counts.withLock { $0.erasures } }
    package var failures: Int { counts.withLock { $0.failures } }

    func rotated() { counts.withLock { $0.rotations += 1 } }
    func erased() { counts.withLock { $0.erasures += 1 } }
    func failed() { counts.withLock { $0.failures += 1 } }
}
