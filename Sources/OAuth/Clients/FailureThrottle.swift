import Synchronization

/// Slows down guessing: ten failed authentications a minute for one client from one address, then a pause for that
/// pair only, so that nobody can lock out an honest client from elsewhere.
package final class FailureThrottle: Sendable {
    private struct Pair: Hashable {
        let client: ClientID
        let peer: String
    }

    private struct Window {
        var start: Timestamp
        var failures: Int
    }

    package static let failuresPerWindow = 10
    /// Seconds.
    package static let window = 60
    /// Pairs that are remembered. Beyond this the table starts anew: bounded memory comes first.
    private static let capacity = 16_384

    private let windows = Mutex<[Pair: Window]>([:])

    package init() {}

    /// True while nobody failed lately, which is nearly always: then nobody needs to be looked up.
    var isIdle: Bool { windows.withLock(\.isEmpty) }

    /// Seconds until the pair may try again, or nil when it may now.
    func secondsToWait(_ client: ClientID, from peer: String, at now: Timestamp) -> Int? {
        windows.withLock { windows in
            guard !windows.isEmpty, let window = windows[Pair(client: client, peer: peer)] else { return nil }
            let end = window.start.adding(seconds: Self.window)
            guard now < end, now >= window.start, window.failures >= Self.failuresPerWindow else { return nil }
            return max(1, Int(clamping: (end.milliseconds - now.milliseconds + 999) / 1000))
        }
    }

    func recordFailure(_ client: ClientID, from peer: String, at now: Timestamp) {
        windows.withLock { windows in
            let pair = Pair(client: client, peer: peer)
            if var window = windows[pair], now >= window.start, now < window.start.adding(seconds: Self.window) {
                window.failures += 1
                windows[pair] = window
                return
            }
            if windows.count >= Self.capacity {
                windows = windows.filter { now < $0.value.start.adding(seconds: Self.window) }
                if windows.count >= Self.capacity { windows.removeAll() }
            }
            windows[pair] = Window(start: now, failures: 1)
        }
    }
}
