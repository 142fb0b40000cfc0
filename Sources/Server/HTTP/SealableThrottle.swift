import OAuth
import Synchronization

/// Slows down guessing a passphrase: each failure doubles the pause for its address, up to a minute, and lengthens the
/// pause for all others, up to two seconds, so that many addresses together cost no more than a part of one core.
/// Whoever is on this machine has only a pause of their own, or a crowd could keep the operator out.
final class SealableThrottle: Sendable {
    private struct Pause {
        var failures: Int
        var until: Timestamp
    }

    private struct State {
        var peers: [String: Pause] = [:]
        var all = Pause(failures: 0, until: Timestamp(milliseconds: 0))
    }

    /// Seconds.
    static let longestPause: Int64 = 60
    /// Milliseconds, for everyone.
    private static let pauseOfAll: Int64 = 100
    private static let longestPauseOfAll: Int64 = 2000
    /// An address that kept quiet for so many seconds starts anew.
    private static let memory = 600
    /// Addresses that are remembered. Beyond this the table starts anew: bounded memory comes first.
    private static let capacity = 4096

    private let state = Mutex(State())

    /// Seconds until this address may try again, or nil when it may now.
    func secondsToWait(_ peer: String, at now: Timestamp) -> Int? {
        state.withLock { state in
            let own = Self.rest(state.peers[peer]?.until, at: now, longest: Self.longestPause * 1000)
            let isHere = peer.hasPrefix("127.") || peer == "::1"
            let all = isHere ? 0 : Self.rest(state.all.until, at: now, longest: Self.longestPauseOfAll)
            guard max(own, all) > 0 else { return nil }
            return max(1, Int(clamping: (max(own, all) + 999) / 1000))
        }
    }

    /// Milliseconds that are left. More than a pause can last means that the clock was set back: there is none then.
    private static func rest(_ until: Timestamp?, at now: Timestamp, longest: Int64) -> Int64 {
        guard let until, until > now else { return 0 }
        let rest = until.milliseconds - now.milliseconds
        return rest <= longest ? rest : 0
    }

    func failed(_ peer: String, at now: Timestamp) {
        state.withLock { state in
            if let known = state.peers[peer], now > known.until.adding(seconds: Self.memory) { state.peers[peer] = nil }
            if state.peers.count >= Self.capacity { state.peers.removeAll() }
            let failures = min((state.peers[peer]?.failures ?? 0) + 1, 16)
            let seconds = min(Int64(1) << Int64(failures - 1), Self.longestPause)
            state.peers[peer] = Pause(failures: failures, until: now.adding(seconds: Int(seconds)))
            if now > state.all.until.adding(seconds: Self.memory) { state.all.failures = 0 }
            state.all.failures = min(state.all.failures + 1, 1000)
            let pause = min(Int64(state.all.failures) * Self.pauseOfAll, Self.longestPauseOfAll)
            state.all.until = Timestamp(milliseconds: now.milliseconds + pause)
        }
    }
}
