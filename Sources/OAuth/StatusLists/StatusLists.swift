import Synchronization

/// The live tokens of all status lists, and the list that is being filled.
///
/// An index is random within its list, so that neither the order nor the number of tokens can be read from it, and is
/// given once: a list is filled only by the process that opened it. A start opens a new one; the earlier ones stay until
/// their last token has expired.
package final class StatusLists: Sendable {
    /// Indexes of one list. All valid, it is 40 bytes on the wire; half of them invalid at random, 16 KiB.
    package static let size = 1 << 17
    /// A fuller list would need more and more tries to find a free index.
    static let fullAt = size / 2

    private struct Filling {
        let list = StatusListID.make()
        var taken = [UInt64](repeating: 0, count: StatusLists.size / 64)
        var count = 0

        /// A free index, taken from now on.
        mutating func take() -> Int {
            while true {
                let index = Int.random(in: 0..<StatusLists.size)
                let bit: UInt64 = 1 << UInt64(index % 64)
                guard taken[index / 64] & bit == 0 else { continue }
                taken[index / 64] |= bit
                count += 1
                return index
            }
        }
    }

    private struct State {
        var filling: Filling?
        var tokens: [StatusListID: [ListedToken]] = [:]
    }

    private let state: Mutex<State>

    /// - Parameter live: what was committed before this start and has not expired.
    package init(_ live: [ListedToken] = []) {
        var state = State()
        for token in live { state.tokens[token.reference.list, default: []].append(token) }
        self.state = Mutex(state)
    }

    /// A place for a token that is about to be signed. If it is never committed, the place stays empty.
    func reserve() -> StatusReference {
        state.withLock { state in
            var filling = state.filling ?? Filling()
            state.filling = nil
            if filling.count >= Self.fullAt { filling = Filling() }
            let index = filling.take()
            let list = filling.list
            state.filling = filling
            return StatusReference(list: list, index: index)
        }
    }

    /// A token is committed.
    func add(_ token: ListedToken) {
        state.withLock { $0.tokens[token.reference.list, default: []].append(token) }
    }

    /// The live tokens of a list; nil when it has none, which is when it is gone.
    func tokens(in list: StatusListID) -> [ListedToken]? { state.withLock { $0.tokens[list] } }

    /// Lists that have a live token.
    package var lists: [StatusListID] { state.withLock { $0.tokens.keys.sorted() } }

    /// How many tokens stand in lists.
    package var count: Int { state.withLock { $0.tokens.values.reduce(0) { $0 + $1.count } } }

    /// Forgets tokens that have expired, and lists with them.
    func prune(at now: Timestamp) {
        let second = now.seconds
        state.withLock { state in
            for list in state.tokens.keys {
                state.tokens[list]?.removeAll { $0.expiresAt <= second }
                if state.tokens[list]?.isEmpty == true { state.tokens[list] = nil }
            }
        }
    }
}
