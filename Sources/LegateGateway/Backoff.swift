/// How long to wait before the next attempt: from 50 ms up to 5 s, doubling, and each time a random part of it, so that
/// a thousand gateways do not come back at the same moment.
struct Backoff {
    private static let least = Duration.milliseconds(50)
    private static let most = Duration.seconds(5)
    private var next = Self.least

    /// After an attempt that went well.
    mutating func reset() { next = Self.least }

    /// The time to wait now.
    ///
    /// - Parameter least: when the server has said that it does not want to be asked soon.
    mutating func step(atLeast least: Duration = .zero) -> Duration {
        defer { next = min(next * 2, Self.most) }
        return least + next * Double.random(in: 0.5...1)
    }
}
