import JOSE
import Synchronization

/// The time by which things are forgotten: that of the clock, but not sooner because somebody set the clock forward.
///
/// Were a clock that jumps ahead believed at once, spent assertions and revocations would be forgotten as expired; when
/// it is set back, they would work again. So a jump counts only after it has lasted.
package final class SteadyTime: Sendable {
    private struct State {
        /// What the time of day was at some moment of the uptime.
        var time: Timestamp
        var at: Int64
        /// Since when the clock has been ahead, in uptime.
        var aheadSince: Int64?
    }

    /// Seconds that the clock may gain on the uptime without being called ahead.
    private static let tolerance = 30
    /// Seconds after which a clock that is ahead is believed.
    static let patience: Int64 = 7200

    private let now: Now
    private let uptime: Uptime?
    private let afterlife: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - uptime: nil believes the clock.
    ///   - afterlife: seconds for which things are kept when they have expired.
    init(now: @escaping Now, uptime: Uptime?, afterlife: Int = 0) {
        self.now = now
        self.uptime = uptime
        self.afterlife = afterlife
        state = Mutex(State(time: now(), at: uptime?() ?? 0))
    }

    /// What expired before this can be forgotten. A clock that is set back by less than the afterlife revives nothing.
    package var forgetting: Timestamp { time.adding(seconds: -afterlife) }

    package var time: Timestamp {
        let claimed = now()
        guard let uptime else { return claimed }
        let up = uptime()
        return state.withLock { state in
            let steady = state.time.adding(seconds: Int(clamping: up - state.at))
            if claimed <= steady.adding(seconds: Self.tolerance) {
                state = State(time: claimed, at: up)
                return claimed
            }
            let since = state.aheadSince ?? up
            state.aheadSince = since
            guard up - since >= Self.patience else { return steady }
            state = State(time: claimed, at: up)
            return claimed
        }
    }
}
