import LegateGateway
import Synchronization

/// Clocks that a test moves. They stand still unless they run along with those of the machine.
final class TestTime: Sendable {
    private struct State {
        var seconds: Int64
        var elapsed: Duration
    }

    private let state: Mutex<State>
    private let isRunning: Bool

    /// - Parameter isRunning: whether the machine's time is added to what a test sets.
    init(isRunning: Bool = false) {
        self.isRunning = isRunning
        state = Mutex(State(seconds: isRunning ? 0 : 1_800_000_000, elapsed: isRunning ? .zero : .seconds(1000)))
    }

    var seconds: Int64 { state.withLock { $0.seconds } + (isRunning ? GatewayClock.system.seconds() : 0) }

    var clock: GatewayClock {
        GatewayClock(
            seconds: { self.seconds },
            elapsed: { self.state.withLock { $0.elapsed } + (self.isRunning ? GatewayClock.system.elapsed() : .zero) }
        )
    }

    /// Lets time pass on both clocks.
    func pass(_ duration: Duration) {
        state.withLock {
            $0.elapsed += duration
            $0.seconds += duration.components.seconds
        }
    }

    /// Sets the time of day forward or back, as a person does.
    func set(by seconds: Int64) { state.withLock { $0.seconds += seconds } }

    /// Lets time pass that the time of day does not show.
    func passUnseen(_ duration: Duration) { state.withLock { $0.elapsed += duration } }
}
