internal import Dispatch
internal import Synchronization

/// The one place where long work on keys is done: making RSA keys, opening key files. One thread of its own, and a queue
/// before it that ends.
///
/// An RSA key takes up to seconds. Here it holds up neither requests nor their threads.
package final class KeyWork: Sendable {
    package static let shared = KeyWork()

    /// Pieces of work that run or wait.
    package static let capacity = 32

    private let queue = DispatchQueue(label: "legate.vault.keys")
    private let pending = Mutex(0)

    /// Runs `work` when its turn has come.
    ///
    /// - Throws: `KeyWorkBusy` when the queue is full, and what `work` throws.
    package func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        let isAccepted = pending.withLock { pending in
            guard pending < Self.capacity else { return false }
            pending += 1
            return true
        }
        guard isAccepted else { throw KeyWorkBusy() }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async {
                let result = Result(catching: work)
                self.pending.withLock { $0 -= 1 }
                continuation.resume(with: result)
            }
        }
    }
}

/// Too many keys are being made or opened at this moment: try again in some seconds.
package struct KeyWorkBusy: Error {}
