/// Rotates what is due, until the task is cancelled. The schedule is durable: what was due while the server was off is
/// done at the next start, once.
package struct RotationScheduler: Sendable {
    /// What became of an attempt, for the log.
    package typealias Observer = @Sendable (SecretName, RotationOutcome) -> Void

    /// Rotations at once: enough to fill the ledger's batches, few enough to leave room in them for tokens.
    private static let plainLimit = 64
    /// Webhooks that are waited for at once.
    private static let announcedLimit = 128
    /// Plans that are made at once.
    private static let planLimit = 256
    /// The clock on the wall may be set: nobody sleeps for longer than this.
    private static let tick = Duration.seconds(1)

    private let steps: RotationSteps
    private let tallies: RotationTallies
    let book: RotationBook
    let now: Now

    init(steps: RotationSteps, tallies: RotationTallies) {
        self.steps = steps
        self.tallies = tallies
        book = steps.registry.rotations
        now = steps.now
    }

    package func run(_ observer: @escaping Observer = { _, _ in }) async {
        let plain = RotationGauge(limit: Self.plainLimit)
        let announced = RotationGauge(limit: Self.announcedLimit)
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let rings = book.bell.rings
                await plan()
                var open: [RotationBook.Lane] = []
                for (lane, gauge) in [(RotationBook.Lane.plain, plain), (.announced, announced)] {
                    for name in book.take(lane, at: now(), limit: gauge.free) {
                        gauge.enter()
                        group.addTask {
                            await self.work(on: name, observer)
                            gauge.leave()
                            self.book.settle(name)
                        }
                    }
                    if gauge.free > 0 { open.append(lane) }
                }
                await book.bell.wait(after: rings, atMost: pause(for: open))
            }
            group.cancelAll()
        }
    }

    /// Makes the plans that are missing or no longer what the policy says.
    func plan() async {
        while !Task.isCancelled {
            let names = book.unplanned(limit: Self.planLimit)
            guard !names.isEmpty else { return }
            let isDone = await withTaskGroup(of: Bool.self) { group in
                for name in names {
                    group.addTask {
                        do {
                            try await steps.plan(name)
                            return true
                        } catch {
                            return false
                        }
                    }
                }
                return await group.allSatisfy { $0 }
            }
            // Storage does not answer: later.
            guard isDone else { return }
        }
    }

    func work(on name: SecretName, _ observer: Observer) async {
        do {
            let outcome = try await steps.advance(name)
            tallies.add(outcome)
            observer(name, outcome)
        } catch {
            // Nothing could be recorded, so nothing was done. The plan stands as it is.
            if Task.isCancelled { return }
            observer(name, .failed("\(error)", nextAt: now().adding(seconds: 1)))
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Until something is due for which there is room. A full lane rings when it has room again.
    private func pause(for lanes: [RotationBook.Lane]) -> Duration {
        guard let next = book.nextAt(in: lanes) else { return Self.tick }
        let (rest, overflow) = next.milliseconds.subtractingReportingOverflow(now().milliseconds)
        return overflow ? Self.tick : min(Self.tick, .milliseconds(max(1, rest)))
    }
}
