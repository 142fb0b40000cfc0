import Hummingbird
import OAuth
import Synchronization

/// From one unsealing to the next sealing: the server, its routes, its background services and who is inside.
final class SealablePeriod: Sendable {
    let server: AuthorizationServer
    let responder: RouterResponder<LegateContext>
    private let opened: OpenedServer
    private let inside = Atomic(0)
    private let isCut = Atomic(false)
    private let isWorking = Atomic(false)
    private let work = Mutex<Task<Void, Never>?>(nil)

    init(_ opened: OpenedServer, metrics: Metrics, control: SealControl) {
        self.opened = opened
        server = opened.server
        responder = Routes(server: opened.server, metrics: metrics, control: control).router().buildResponder()
    }

    // MARK: Requests

    func enter() { inside.add(1, ordering: .acquiringAndReleasing) }

    func leave() { inside.subtract(1, ordering: .acquiringAndReleasing) }

    /// The body of an answer that is written for as long as it takes: it counts as inside until it ends, and is cut when
    /// the time is over.
    func streaming(_ body: ResponseBody) -> ResponseBody {
        let passage = SealablePassage(self)
        return ResponseBody { writer in
            try await body.write(SealableWriter(inner: writer, passage: passage))
        }
    }

    var hasBeenCut: Bool { isCut.load(ordering: .acquiring) }

    // MARK: Background

    func start() {
        let services = opened.services
        isWorking.store(true, ordering: .releasing)
        let task = Task { [weak self] in
            await withDiscardingTaskGroup { group in
                for service in services { group.addTask { await service.run() } }
            }
            self?.isWorking.store(false, ordering: .releasing)
        }
        work.withLock { $0 = task }
    }

    /// Lets followers go, and the services end.
    func stop() {
        server.revocationFeed.end()
        work.withLock { $0?.cancel() }
    }

    /// Waits for the services to end, and no longer than that.
    func waitForServices(within bound: Duration) async {
        await wait(within: bound) { !isWorking.load(ordering: .acquiring) }
    }

    // MARK: Sealing

    /// Ends the period: what is under way has its time to finish, then nothing can be decided, signed or opened with
    /// what was known here.
    ///
    /// - Parameter own: how many of those inside wait for this.
    /// - Returns: how many requests were cut.
    func close(within bound: Duration, besides own: Int) async -> Int {
        stop()
        await wait(within: bound) {
            inside.load(ordering: .acquiring) <= own && !isWorking.load(ordering: .acquiring)
        }
        let rest = max(0, inside.load(ordering: .acquiring) - own)
        isCut.store(true, ordering: .releasing)
        // From here on no decision can be recorded, so none is made. The next server continues the audit trail.
        await server.ledger.close()
        opened.forget()
        return rest
    }

    private static let pause = Duration.milliseconds(5)

    private func wait(within bound: Duration, until isDone: () -> Bool) async {
        let end = ContinuousClock.now + bound
        while !isDone(), ContinuousClock.now < end {
            do { try await Task.sleep(for: Self.pause) } catch { return }
        }
    }
}
