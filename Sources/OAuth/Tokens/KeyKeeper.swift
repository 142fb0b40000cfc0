import JOSE
import Vault

/// Keeps the line of signing keys going: publishes the next one in time, and erases the private halves of those that are
/// over.
package final class KeyKeeper: Sendable {
    /// What was done to a key, for the log.
    package enum Deed: Sendable, Equatable {
        case published(keyID: String, algorithm: String, activeFrom: Timestamp)
        case erased(keyID: String, algorithm: String)
        /// Nothing could be recorded or made; it is tried again.
        case failed(String)
    }

    /// The clock on the wall may be set: nobody sleeps for longer than this between two looks.
    private static let interval = Duration.seconds(5)
    /// Seconds before a key leaves the published set in which nothing that it signed is served any more.
    private static let lead = 60

    let custodian: KeyCustodian
    let ledger: Ledger
    let now: Now
    private let store: any Store
    private let feed: RevocationFeed
    private let schedule: KeySchedule
    private let turn = KeyTurn()
    package let tallies = KeyTallies()

    init(
        custodian: KeyCustodian, schedule: KeySchedule, feed: RevocationFeed, store: any Store, ledger: Ledger,
        now: @escaping Now
    ) {
        self.custodian = custodian
        self.schedule = schedule
        self.feed = feed
        self.store = store
        self.ledger = ledger
        self.now = now
    }

    private var keys: SigningKeys { custodian.keys }

    /// Does what is due, until the task is cancelled.
    package func run(_ observer: @Sendable (Deed) -> Void = { _ in }) async {
        while !Task.isCancelled {
            await tend(observer)
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Does what is due now.
    package func tend(_ observer: (Deed) -> Void = { _ in }) async {
        await attempt(observer) { try await rotate(observer) }
        retireBatches()
        await attempt(observer) { try await erase(observer) }
    }

    /// Nothing is served that was signed with a key which is about to leave the published set.
    private func retireBatches() {
        let soon = now().adding(seconds: Self.lead)
        feed.keepOnly(
            signedWith: Set(keys.all(at: soon).filter(\.status.isPublished).map(\.key.stored.keyID)))
    }

    private func attempt(_ observer: (Deed) -> Void, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            if Task.isCancelled { return }
            tallies.failed()
            observer(.failed("\(error)"))
        }
    }

    private func rotate(_ observer: (Deed) -> Void) async throws {
        for algorithm in due().map(\.algorithm) {
            try await turn.take {
                // Somebody may have been faster.
                let time = now()
                guard let due = due().first(where: { $0.algorithm == algorithm }) else { return }
                let made = try await custodian.next(algorithm, from: due.activeFrom, at: time)
                var event = AuditEvent.signingKey(.keyRotated, made.stored, rule: "schedule", at: time)
                event.after = made.stored.summary.text
                try await publish(made, event)
                observer(
                    .published(
                        keyID: made.stored.keyID, algorithm: algorithm.rawValue, activeFrom: made.stored.activeFrom))
            }
        }
    }

    private func due() -> [KeySchedule.Due] {
        let time = now()
        return schedule.due(among: keys.all(at: time).map(\.key.stored), at: time)
    }

    /// Those who publish a key by hand: one after the other, and after the schedule.
    func takingTurns<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        try await turn.take(body)
    }

    /// Stores a key that signs later, and puts it into the published set.
    func publish(_ made: KeyCustodian.Made, _ event: AuditEvent) async throws {
        var entry = Entry(changes: [.addKey(made.stored)], audit: [event])
        entry.whenDurable = { [custodian] in custodian.take([made]) }
        try await ledger.commit(entry)
        tallies.rotated()
    }

    private func erase(_ observer: (Deed) -> Void) async throws {
        let time = now()
        let over = keys.all(at: time).filter(\.status.isOver)
        guard !over.isEmpty else { return }
        for (held, status) in over {
            let box = try SigningKeys.sealedPublicHalf(of: held, barrier: custodian.barrier)
            let event = AuditEvent.signingKey(.keyErased, held.stored, rule: status.rawValue, at: time)
            var entry = Entry(
                changes: [.eraseKey(held.stored.keyID, publicHalf: box, at: time)], audit: [event]
            )
            entry.whenDurable = { [keys] in keys.erase(held.stored.keyID, keeping: box, at: time) }
            try await ledger.commit(entry)
            tallies.erased()
            observer(.erased(keyID: held.stored.keyID, algorithm: held.stored.algorithm))
        }
        try await store.forgetOverwritten()
    }
}
