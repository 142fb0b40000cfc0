import Synchronization

/// How many rotations there were since the start, for metrics.
package final class RotationTallies: Sendable {
    private let state = Mutex((rotations: 0, failures: 0))

    package var rotations: Int { state.withLock { $0.rotations } }
    /// Attempts that failed.
    package var failures: Int { state.withLock { $0.failures } }

    func add(_ outcome: RotationOutcome) {
        state.withLock { state in
            switch outcome {
            case .rotated: state.rotations += 1
            case .failed: state.failures += 1
            case .nothingToDo: break
            }
        }
    }
}
