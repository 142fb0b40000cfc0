import Synchronization

/// How many may still begin.
final class RotationGauge: Sendable {
    private let limit: Int
    private let busy = Mutex(0)

    init(limit: Int) { self.limit = limit }

    var free: Int { max(0, limit - busy.withLock { $0 }) }

    func enter() { busy.withLock { $0 += 1 } }

    func leave() { busy.withLock { $0 -= 1 } }
}
