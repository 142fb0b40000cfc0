import Synchronization

/// Slows down guessing, and never locks an honest client out for what others do elsewhere.
///
/// | what fails too often | who has to wait |
/// |---|---|
/// | one client from one address | that pair, unless the client has proved itself from there lately |
/// | one client, from many addresses | whoever has not proved to be it from there lately |
/// | many clients, from one address | the same |
///
/// Those of the last two rows, and a pair that is known, wait only for a proof that is dear to check: a right secret is
/// let in at once, for it costs one digest to tell, and nobody guesses 256 random bits. Signatures are then checked one
/// in a tenth of a second.
package final class FailureThrottle: Sendable {
    /// What may be done with a proof.
    enum Gate: Equatable {
        case open
        /// It may be checked; if it is wrong, this is the answer.
        case wary(OAuthError)
        case closed(OAuthError)
    }

    /// What an attempt says of itself before anything is checked.
    struct Attempt {
        /// Nil when the proof names none.
        let client: ClientID?
        let network: String
        /// Whether a proof costs no more than a digest.
        let isCheap: Bool

        init(client: ClientID?, from peer: String, isCheap: Bool) {
            self.client = client
            network = PeerNetwork.of(peer)
            self.isCheap = isCheap
        }
    }

    private struct Pair: Hashable {
        let client: ClientID
        let network: String
    }

    private struct State {
        var pairs = AttemptTable<Pair>(seconds: FailureThrottle.window, capacity: FailureThrottle.capacity)
        var clients = AttemptTable<ClientID>(seconds: FailureThrottle.window, capacity: FailureThrottle.capacity)
        var networks = AttemptTable<String>(seconds: FailureThrottle.window, capacity: FailureThrottle.capacity)
        var known = KnownAddresses()
        /// Until when somebody may have to wait.
        var isBusyUntil: Timestamp?
    }

    package static let failuresPerWindow = RateLimitPolicy.failedAuthentication.quota
    /// Seconds.
    package static let window = RateLimitPolicy.failedAuthentication.window
    /// Entries of each table.
    static let capacity = 16_384
    /// Milliseconds between two signatures that are checked for a client, or an address, which is under attack.
    private static let trickle: Int64 = 100

    private let state = Mutex(State())

    package init() {}

    /// False while nobody failed lately, which is nearly always: then nobody needs to be looked up.
    func isBusy(at now: Timestamp) -> Bool {
        state.withLock { state in
            guard let until = state.isBusyUntil else { return false }
            return now < until
        }
    }

    func gate(_ attempt: Attempt, at now: Timestamp) -> Gate {
        state.withLock { state in
            if let client = attempt.client {
                let pair = Pair(client: client, network: attempt.network)
                let isKnown = state.known.knows(client, from: attempt.network)
                if state.pairs.count(pair, at: now) >= Self.failuresPerWindow {
                    let refusal = Self.refusal(.failedAuthentication, state.pairs.rest(pair, at: now))
                    return isKnown && Self.mayBeChecked(attempt, &state.networks, at: now)
                        ? .wary(refusal) : .closed(refusal)
                }
                if isKnown { return .open }
            }
            let byNetwork = Self.wait(
                &state.networks, attempt.network, .failedAuthenticationFromAddress, attempt, at: now
            )
            guard byNetwork == .open, let client = attempt.client else { return byNetwork }
            return Self.wait(&state.clients, client, .failedAuthenticationOfClient, attempt, at: now)
        }
    }

    /// Whether the proof of a client is checked that is known at an address where others guess, too: a signature as long
    /// as the address has not used up its failures, and then one in a while.
    private static func mayBeChecked(
        _ attempt: Attempt, _ networks: inout AttemptTable<String>, at now: Timestamp
    ) -> Bool {
        attempt.isCheap
            || networks.count(attempt.network, at: now) < RateLimitPolicy.failedAuthenticationFromAddress.quota
            || networks.lets(attempt.network, passEvery: trickle, at: now)
    }

    private static func wait<Key: Hashable & Sendable>(
        _ table: inout AttemptTable<Key>, _ key: Key, _ policy: RateLimitPolicy, _ attempt: Attempt, at now: Timestamp
    ) -> Gate {
        guard table.count(key, at: now) >= policy.quota else { return .open }
        let refusal = Self.refusal(policy, table.rest(key, at: now))
        if attempt.isCheap { return .wary(refusal) }
        return table.lets(key, passEvery: trickle, at: now) ? .wary(refusal) : .closed(refusal)
    }

    private static func refusal(_ policy: RateLimitPolicy, _ seconds: Int) -> OAuthError {
        policy.refusal("failed authentications", retryAfter: seconds)
    }

    /// A proof was wrong.
    ///
    /// - Parameter wasWary: whether there had been too many already. Then only what it cost is counted.
    func failed(_ attempt: Attempt, wasWary: Bool = false, at now: Timestamp) {
        if wasWary, attempt.isCheap { return }
        state.withLock { state in
            if let client = attempt.client, !wasWary {
                state.pairs.add(Pair(client: client, network: attempt.network), at: now)
                state.clients.add(client, at: now)
            }
            state.networks.add(attempt.network, at: now)
            state.isBusyUntil = now.adding(seconds: Self.window)
        }
    }

    /// A proof was right: from here the client is known.
    func succeeded(_ client: ClientID, from peer: String, at now: Timestamp) {
        let network = PeerNetwork.of(peer)
        state.withLock { $0.known.remember(client, from: network, at: now) }
    }

    /// Entries in memory, all tables together.
    var size: Int {
        state.withLock { $0.pairs.size + $0.clients.size + $0.networks.size + $0.known.size }
    }
}
