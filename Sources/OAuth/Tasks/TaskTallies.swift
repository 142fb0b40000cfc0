import Synchronization

/// What was taken in tasks lately, in memory, so that most requests beyond a limit are refused before anything is
/// signed.
///
/// It may have forgotten, and then lets too much pass: the ledger counts durably and has the last word. What it finds
/// when it says no comes back here, and the request is decided again. So the memory is bounded, and a start loads
/// nothing.
package final class TaskTallies: Sendable {
    private struct Key: Hashable {
        let client: ClientID
        let task: QualifiedName
    }

    private struct Generations {
        var young: [Key: TaskTally] = [:]
        var old: [Key: TaskTally] = [:]

        func tally(for key: Key, at now: Timestamp) -> TaskTally? {
            (young[key] ?? old[key]).flatMap { now < $0.forgetAt ? $0 : nil }
        }

        mutating func put(_ tally: TaskTally, for key: Key) {
            young[key] = tally
            if young.count >= TaskTallies.capacity {
                old = young
                young = [:]
            }
        }
    }

    /// Accounts of one generation; there are two.
    private static let capacity = 16_384
    private let state = Mutex(Generations())

    package init() {}

    /// What is known of a client's part in a task.
    package func tally(of client: ClientID, in task: QualifiedName, at now: Timestamp) -> TaskTally? {
        let key = Key(client: client, task: task)
        return state.withLock { $0.tally(for: key, at: now) }
    }

    /// A token was taken, durably.
    func add(_ use: TaskUse) {
        let key = Key(client: use.clientID, task: use.task)
        state.withLock { state in
            let known = state.tally(for: key, at: use.at)
            let tally = TaskTally(
                clientID: use.clientID, task: use.task, firstAt: known?.firstAt ?? use.at,
                tokens: (known?.tokens ?? 0) + 1, forgetAt: max(known?.forgetAt ?? use.forgetAt, use.forgetAt)
            )
            state.put(tally, for: key)
        }
    }

    /// What is stored takes the place of what was remembered.
    func put(_ tally: TaskTally) {
        state.withLock { $0.put(tally, for: Key(client: tally.clientID, task: tally.task)) }
    }
}
