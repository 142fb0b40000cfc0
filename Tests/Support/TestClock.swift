package import JOSE
package import OAuth
import Synchronization

/// A clock that stands still until a test moves it, so that every time in an answer is known in advance.
package final class TestClock: Sendable {
    private struct State {
        var time: Timestamp
        /// How much of it is not time that went by.
        var jumped = Duration.zero
        /// Since when the clock goes by itself; nil while it stands.
        var runningSince: ContinuousClock.Instant?
    }

    private let state: Mutex<State>
    /// Seconds for which a server keeps what has expired, should this clock be set back.
    package let afterlife: Int

    /// 2026-03-01T12:00:00Z, a Sunday.
    package static let start = Timestamp(seconds: 1_772_366_400)

    package init(at time: Timestamp = TestClock.start, afterlife: Int = 0) {
        self.afterlife = afterlife
        state = Mutex(State(time: time))
    }

    package var time: Timestamp {
        state.withLock { state in
            guard let since = state.runningSince else { return state.time }
            return state.time.adding(since.duration(to: .now))
        }
    }

    /// The clock as the server takes it.
    package var now: Now { { self.time } }

    /// Seconds that went by, however the clock was set.
    package var uptime: Uptime {
        {
            let (time, jumped) = (self.time, self.state.withLock(\.jumped))
            return time.seconds - TestClock.start.seconds - jumped.components.seconds
        }
    }

    /// Sets the clock forward or back, without time going by.
    package func jump(seconds: Int) {
        state.withLock { state in
            state.time = state.time.adding(.seconds(seconds))
            state.jumped += .seconds(seconds)
        }
    }

    package func advance(seconds: Int) { advance(.seconds(seconds)) }

    package func advance(_ duration: Duration) {
        state.withLock { $0.time = $0.time.adding(duration) }
    }

    /// Goes to the beginning of the next second: tokens issued from here on outlive tombstones entered before.
    package func nextSecond() {
        state.withLock { $0.time = Timestamp(seconds: $0.time.seconds + 1) }
    }

    /// Lets the clock go by itself, from where it stands, as fast as time does.
    package func run() {
        state.withLock { state in
            if state.runningSince == nil { state.runningSince = .now }
        }
    }
}

extension Timestamp {
    fileprivate func adding(_ duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        return Timestamp(milliseconds: milliseconds + seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
