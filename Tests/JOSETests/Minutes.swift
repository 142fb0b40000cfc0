import JOSE
import Synchronization

/// A clock that only tests move.
final class Minutes: Sendable {
    private let state = Mutex(Int64(1_000))
    var uptime: Uptime { { self.state.withLock { $0 } } }
    func advance(_ seconds: Int64) { state.withLock { $0 += seconds } }
}
