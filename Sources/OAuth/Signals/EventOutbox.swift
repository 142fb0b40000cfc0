import Synchronization

/// Tells whoever delivers events that there may be new ones. The events themselves are in the database.
package final class EventOutbox: Sendable {
    private struct State {
        var rings: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var lastWaiter: UInt64 = 0
        var isEnded = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Grows with every `ring`.
    package var rings: UInt64 { state.withLock { $0.rings } }

    /// The server is stopping: nobody waits any more.
    package var isEnded: Bool { state.withLock { $0.isEnded } }

    func end() {
        state.withLock { $0.isEnded = true }
        ring()
    }

    /// Something was stored.
    func ring() {
        let woken = state.withLock { state in
            state.rings += 1
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for waiter in woken { waiter.resume() }
    }

    /// Returns when there was a ring after number `rings`, when the time is over, or when the task is cancelled.
    package func wait(after rings: UInt64, atMost limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait(after: rings) }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }

    private func wait(after rings: UInt64) async {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.rings != rings || state.isEnded || Task.isCancelled { return true }
                    state.waiting[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
        }
    }
}
