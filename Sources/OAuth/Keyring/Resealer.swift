import Synchronization
import Vault

/// Seals anew, under the active term, what older terms sealed; then it removes those terms.
///
/// It walks through one table after the other in small transactions, which others pass between. What is done is
/// recognised by the boxes themselves: a crash costs at most one transaction's work.
package final class Resealer: Sendable {
    /// The row of a table.
    private struct Row: Hashable {
        let table: String
        let row: Int64
    }

    private struct State {
        /// Boxes that did not open in the last pass, or so far in this one.
        var unopened: Set<Row> = []
        /// The same with their places, up to a number.
        var refused: [Row: String] = [:]
        /// When a term was last taken out of use, or a box from under one.
        var lastChange: ContinuousClock.Instant?
    }

    private let barrier: Barrier
    private let store: any Store
    private let ledger: Ledger
    private let turn: KeyringTurn
    private let now: Now
    private let alarm: BoxAlarm
    private let grace: Duration
    private let work = EventOutbox()
    private let state = Mutex(State())

    /// Boxes of one transaction.
    package static let batchSize = 64
    /// Bytes of one transaction, roughly: the next box is taken while there are fewer.
    static let batchBytes = 1 << 20
    /// For how long an old term stays when nothing is under it any more: whoever sealed with it has committed by then,
    /// and whoever has read one of its boxes has opened it.
    package static let defaultGrace = Duration.seconds(30)
    /// Places of boxes that do not open which are kept. When a whole table was changed, not every row need be named.
    private static let mostNamed = 1000
    /// What does not open is tried again after this time: somebody may have restored it.
    private static let interval = Duration.seconds(3600)

    init(
        barrier: Barrier, store: any Store, ledger: Ledger, turn: KeyringTurn, now: @escaping Now, alarm: BoxAlarm,
        grace: Duration
    ) {
        self.barrier = barrier
        self.store = store
        self.ledger = ledger
        self.turn = turn
        self.now = now
        self.alarm = alarm
        self.grace = grace
    }

    /// How many boxes did not open when they were last tried.
    package var unopened: Int { state.withLock { $0.unopened.count } }

    /// The places of boxes that do not open, in order; the first of them when there are very many.
    package var refused: [String] { state.withLock { $0.refused.values.sorted() } }

    /// There is a new term.
    func wake() {
        touch()
        work.ring()
    }

    /// Does what a crash left undone, and then whatever comes, until the task is cancelled.
    ///
    /// - Parameter report: told when storage refuses, before it is tried again.
    package func run(_ report: @Sendable (any Error) -> Void = { _ in }) async {
        while !Task.isCancelled {
            let rings = work.rings
            var pause = Self.interval
            do {
                try await pass()
                if try await removeTerms() == false { pause = .seconds(1) }
            } catch is CancellationError {
                return
            } catch {
                report(error)
                pause = .seconds(1)
            }
            await work.wait(after: rings, atMost: pause)
        }
    }

    /// Seals anew what can be sealed anew now.
    package func pass() async throws {
        let active = barrier.keyring.activeTerm
        // Also what is under terms that never were: their boxes were changed, and that has to be told.
        let terms = try await store.boxCounts().keys.filter { $0 != active }.sorted()
        state.withLock { $0.unopened = [] }
        for term in terms {
            for table in store.sealedTables { try await walk(table, term) }
        }
        // What was restored or destroyed since the last time is no trouble any more.
        state.withLock { state in state.refused = state.refused.filter { state.unopened.contains($0.key) } }
    }

    private func walk(_ table: String, _ term: Int) async throws {
        var row: Int64 = .min
        while true {
            try Task.checkCancellation()
            let boxes = try await store.boxes(in: table, under: term, after: row, limit: Self.batchSize)
            guard let last = boxes.last else { return }
            row = last.row
            try await reseal(boxes)
        }
    }

    private func reseal(_ boxes: [StoredBox]) async throws {
        var rest = boxes[...]
        while !rest.isEmpty {
            var done: [ResealedBox] = []
            var bytes = 0
            while let box = rest.first, bytes < Self.batchBytes {
                rest.removeFirst()
                bytes += box.box.count
                if let sealed = try await sealedAnew(box) { done.append(sealed) }
            }
            guard !done.isEmpty else { continue }
            FaultPoint.resealBatchSealed.pass()
            let start = ContinuousClock.now
            try await ledger.commit(Entry(changes: [.keyring(.reseal(done))]))
            touch()
            FaultPoint.resealBatchCommitted.pass()
            // A quarter of the writer's time at most: nobody's commit waits for more than one of these, and few for one.
            try await Task.sleep(for: (ContinuousClock.now - start) * 3)
        }
    }

    /// The box under the active term; nil when it does not open, which is reported.
    private func sealedAnew(_ stored: StoredBox) async throws -> ResealedBox? {
        let keyring = barrier.keyring
        do {
            let plaintext = try keyring.open(try SealedBox(bytes: stored.box), at: stored.place)
            let box = try plaintext.withBytes { try keyring.seal($0, at: stored.place) }
            alarm.settle(stored.place)
            return ResealedBox(old: stored, box: box.bytes)
        } catch {
            // A server that was sealed in the meantime opens nothing: that is no damage.
            guard !barrier.keyring.terms.isEmpty else { throw CancellationError() }
            try await refuse(stored, error)
            return nil
        }
    }

    private func refuse(_ stored: StoredBox, _ error: any Error) async throws {
        let row = Row(table: stored.place.table, row: stored.row)
        state.withLock { state in
            state.unopened.insert(row)
            if state.refused.count < Self.mostNamed { state.refused[row] = stored.place.description }
        }
        try await alarm.report(error, at: stored.place, for: .work("re-sealing"))
    }

    /// Removes the old terms that have nothing under them and are at rest.
    ///
    /// - Returns: false when there is more to do soon: a term has to wait for its time, or something came under it
    ///   behind the last pass.
    @discardableResult
    package func removeTerms() async throws -> Bool {
        let counts = try await store.boxCounts()
        let keyring = barrier.keyring
        let old = keyring.terms.filter { $0 != keyring.activeTerm }
        let idle = old.filter { counts[$0, default: 0] == 0 }
        guard !idle.isEmpty else {
            return counts.lazy.filter { old.contains($0.key) }.map(\.value).reduce(0, +) <= unopened
        }
        if let last = state.withLock({ $0.lastChange }), ContinuousClock.now - last < grace { return false }
        for number in idle {
            do {
                try await turn.take { try await remove(number) }
            } catch is KeyringRefusal, CommitFailure.stale {
                return false
            }
        }
        return true
    }

    private func remove(_ number: Int) async throws {
        let time = now()
        var entry = Entry(changes: [.keyring(.removeTerm(number, at: time))])
        entry.audit = [
            .keyring(.termRemoved, target: "vault/terms/\(number)", rule: "nothing_sealed_under_it", at: time)
        ]
        entry.whenDurable = { [barrier] in
            FaultPoint.termRemoved.pass()
            barrier.replace(barrier.keyring.removingTerm(number))
        }
        try await ledger.commit(entry)
    }

    private func touch() { state.withLock { $0.lastChange = ContinuousClock.now } }
}
