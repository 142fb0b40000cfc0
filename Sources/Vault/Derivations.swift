internal import Dispatch
internal import Synchronization

/// The one place where keys are derived from passphrases: one thread of its own, and a short queue before it.
///
/// A derivation takes tenths of a second and tens of megabytes. Here it neither holds up requests, nor do many at once
/// exhaust the machine.
final class Derivations: Sendable {
    static let shared = Derivations()

    private let queue = DispatchQueue(label: "legate.vault.derivations")
    private let pending = Mutex(0)

    /// How many run or wait at this moment.
    var count: Int { pending.withLock { $0 } }

    /// One that runs and three that wait: about a second.
    static let capacity = 4

    /// Runs `work` when its turn has come.
    ///
    /// - Throws: `VaultError.busy` when the queue is full, and what `work` throws.
    func run(_ work: @escaping @Sendable () throws(VaultError) -> Secret) async throws(VaultError) -> Secret {
        let isAccepted = pending.withLock { pending in
            guard pending < Self.capacity else { return false }
            pending += 1
            return true
        }
        guard isAccepted else { throw .busy }
        let result: Result<Secret, VaultError> = await withCheckedContinuation { continuation in
            queue.async {
                let result = Result(catching: work)
                self.pending.withLock { $0 -= 1 }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }
}
