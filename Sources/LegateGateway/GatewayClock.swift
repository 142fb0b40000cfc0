import Glibc

/// The two clocks that a gateway looks at. Tests put their own in its place.
public struct GatewayClock: Sendable {
    /// The time of day in whole seconds since 1970, as `exp` and `iat` count it.
    public var seconds: @Sendable () -> Int64
    /// Time since some fixed moment; it never goes back, whatever somebody does to the time of day.
    public var elapsed: @Sendable () -> Duration

    public init(seconds: @escaping @Sendable () -> Int64, elapsed: @escaping @Sendable () -> Duration) {
        self.seconds = seconds
        self.elapsed = elapsed
    }

    /// The clocks of this machine.
    public static let system = GatewayClock(
        seconds: { read(CLOCK_REALTIME).components.seconds },
        elapsed: { read(CLOCK_BOOTTIME) }
    )

    /// A clock that cannot be read says the end of time: every token has expired then.
    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        guard unsafe clock_gettime(clock, &time) == 0 else { return .seconds(Int64.max / 2) }
        return Duration(
            secondsComponent: Int64(time.tv_sec), attosecondsComponent: Int64(time.tv_nsec) * 1_000_000_000)
    }
}
