import NIOCore
import Synchronization

/// One connection, as the doorkeeper sees it: what it is doing, and since when.
///
/// Its event loop tells; whoever needs the room asks, from any thread. Both go through one lock, so that nobody is sent
/// away in the moment in which a request arrives.
final class Visitor: Sendable {
    /// How hard it is to let a connection go. Whoever is being answered is not let go at all.
    enum Rank: Int, Comparable {
        /// Has never sent a whole head.
        case stranger
        /// Rests between two requests.
        case resting
        /// Is sending a body.
        case sending

        static func < (one: Rank, other: Rank) -> Bool { one.rawValue < other.rawValue }
    }

    private struct State {
        var since: NIODeadline
        var headSince: NIODeadline?
        var receiving = 0
        var answering = 0
        var hasAsked = false
        var isAwake = false
        var isMultiplexed = false
        var isDismissed = false
    }

    let network: String
    private let leave: @Sendable () -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - network: the address, as `PeerNetwork` groups them.
    ///   - leave: closes the connection, from any thread.
    init(network: String, at now: NIODeadline, leave: @escaping @Sendable () -> Void) {
        self.network = network
        self.leave = leave
        state = Mutex(State(since: now))
    }

    // MARK: What it does

    /// Bytes arrived.
    func heard(at now: NIODeadline) {
        state.withLock { state in
            guard !state.isMultiplexed, state.receiving == 0, state.answering == 0, state.headSince == nil else {
                return
            }
            state.headSince = now
        }
    }

    /// The first bytes arrived: from now on it costs more.
    func awakes() { state.withLock { $0.isAwake = true } }

    /// A head is complete.
    ///
    /// - Parameter isStream: whether it is one of many on this connection.
    /// - Returns: false when the connection has been sent away: then nothing of the request is done.
    func began(at now: NIODeadline, isStream: Bool) -> Bool {
        state.withLock { state in
            guard !state.isDismissed else { return false }
            state.since = now
            state.headSince = nil
            state.hasAsked = true
            state.isMultiplexed = isStream
            state.receiving += 1
            return true
        }
    }

    /// A request is complete.
    func received(at now: NIODeadline) {
        state.withLock { state in
            state.receiving = max(0, state.receiving - 1)
            state.answering += 1
        }
    }

    /// A request is over, answered or not.
    ///
    /// - Parameter wasReceived: whether all of it had arrived.
    func ended(at now: NIODeadline, wasReceived: Bool) {
        state.withLock { state in
            if wasReceived {
                state.answering = max(0, state.answering - 1)
            } else {
                state.receiving = max(0, state.receiving - 1)
            }
            state.since = now
        }
    }

    // MARK: What is asked of it

    var isAwake: Bool { state.withLock(\.isAwake) }

    /// Whether no request is under way.
    var isIdle: Bool { state.withLock { $0.receiving == 0 && $0.answering == 0 } }

    /// When it is to be closed if nothing happens; nil while a request is under way, which has its own limits.
    func deadline(_ limits: ConnectionLimits) -> NIODeadline? {
        state.withLock { state in
            guard state.receiving == 0, state.answering == 0 else { return nil }
            if let head = state.headSince, state.hasAsked { return head + .seconds(Int64(limits.headSeconds)) }
            let seconds = state.hasAsked ? limits.idleSeconds : limits.headSeconds
            return state.since + .seconds(Int64(seconds))
        }
    }

    /// How easily it can be let go, and since when it has been like that; nil while it is being answered.
    var standing: (rank: Rank, since: NIODeadline)? {
        state.withLock { state in
            guard state.answering == 0, !state.isDismissed else { return nil }
            if state.receiving > 0 { return (.sending, state.since) }
            return (state.hasAsked ? .resting : .stranger, state.since)
        }
    }

    /// Sends it away, unless it is being answered by now.
    ///
    /// - Returns: whether it goes.
    func dismiss() -> Bool {
        let goes = state.withLock { state in
            guard state.answering == 0, !state.isDismissed else { return false }
            state.isDismissed = true
            return true
        }
        if goes { leave() }
        return goes
    }
}
