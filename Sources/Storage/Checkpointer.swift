import GRDB
import Synchronization

/// Brings the write-ahead log into the database file, beside the commits and not within them.
///
/// SQLite would do it in the commit that makes the log too long, and everybody behind that one waits for thousands of
/// pages and a sync. Here a connection of its own copies them while the writer goes on, and they are synced before the
/// writer comes: SQLite leaves that to whoever copies the last page. The writer takes only what came in meanwhile, which
/// is little; then the log begins anew.
final class Checkpointer: Sendable {
    /// Pages of the log behind which it is worth the work.
    private static let threshold = 1000
    /// The time between two looks.
    private static let interval = Duration.milliseconds(250)
    /// When copying took longer than this, enough has come in meanwhile to copy once more.
    private static let little = Duration.milliseconds(50)

    private let pool: DatabasePool
    private let connection: DatabaseQueue
    private let file: DatabaseFile
    /// Set by every commit: an idle database is left alone.
    private let isDirty = Atomic(true)
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ pool: DatabasePool, configuration: GRDB.Configuration) throws {
        self.pool = pool
        connection = try DatabaseQueue(path: pool.path, configuration: configuration)
        file = try DatabaseFile(path: pool.path)
    }

    func start() {
        task.withLock { task in
            task = Task { [weak self] in
                while (try? await Task.sleep(for: Self.interval)) != nil {
                    guard let self else { return }
                    await self.look()
                }
            }
        }
    }

    /// A transaction was committed.
    func committed() { isDirty.store(true, ordering: .relaxed) }

    /// Returns when nothing is under way any more.
    func stop() async {
        let task = task.withLock { $0 }
        task?.cancel()
        await task?.value
    }

    /// To be called when the pool is closed.
    func close() throws {
        try connection.close()
        file.release()
    }

    private func look() async {
        guard isDirty.exchange(false, ordering: .relaxed) else { return }
        do {
            try await Blocking.run { [self] in try checkpoint() }
        } catch {
            // A full disk, or a checkpoint of somebody else's. The log is safe as it is, and longer until the next look.
            committed()
        }
    }

    /// Nothing is waited for: whoever reads an old state keeps the pages it needs, and the next look does the rest.
    private func checkpoint() throws {
        for _ in 0..<3 {
            let start = ContinuousClock.now
            let pages = try connection.writeWithoutTransaction { try $0.checkpoint(.passive).walFrameCount }
            guard pages >= Self.threshold else { return }
            try file.synchronize()
            if ContinuousClock.now - start < Self.little { break }
        }
        _ = try pool.writeWithoutTransaction { try $0.checkpoint(.passive) }
    }
}
