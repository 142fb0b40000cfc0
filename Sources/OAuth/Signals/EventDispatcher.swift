import Synchronization
package import Vault

/// Pushes events to the receivers that have an endpoint: in order for each, none waiting for another, until they are
/// acknowledged.
package final class EventDispatcher: Sendable {
    /// How an attempt ended, for the log.
    package enum Outcome: Sendable, Equatable {
        case delivered(Int)
        /// The receiver says that the event is wrong; it is not sent again.
        case rejected(jti: String, code: String)
        /// It is tried again after this.
        case failed(reason: String, retryIn: Duration)
    }

    package typealias Observer = @Sendable (ReceiverID, Outcome) -> Void

    private struct Pause {
        var failures = 0
        var until: ContinuousClock.Instant
    }

    private struct State {
        var working: Set<ReceiverID> = []
        var pauses: [ReceiverID: Pause] = [:]
    }

    /// Events of one receiver that are read, and acknowledged, together.
    private static let portion = 32
    /// How often receivers are looked at whose pause may be over.
    private static let tick = Duration.milliseconds(500)
    private static let longestPause = 300.0
    /// Refusals that an operator can mend, on either side: the event waits.
    private static let mendable: Set<String> = ["authentication_failed", "access_denied"]
    /// What an undelivered event may wait, in seconds, and how many of one receiver may.
    package static let greatestAge = 7 * 86_400
    package static let longestQueue = 10_000

    private let registry: Registry
    private let keys: SigningKeys
    private let custodian: KeyCustodian
    private let store: any Store
    private let ledger: Ledger
    private let courier: any EventCourier
    private let alarm: BoxAlarm
    private let now: Now
    private let state = Mutex(State())

    init(
        registry: Registry, keys: SigningKeys, custodian: KeyCustodian, store: any Store, ledger: Ledger,
        courier: any EventCourier, alarm: BoxAlarm, now: @escaping Now
    ) {
        self.registry = registry
        self.keys = keys
        self.custodian = custodian
        self.store = store
        self.ledger = ledger
        self.courier = courier
        self.alarm = alarm
        self.now = now
    }

    /// Delivers until the task is cancelled; then those who wait in a poll may go too.
    package func run(_ observer: @escaping Observer = { _, _ in }) async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let rings = registry.outbox.rings
                for receiver in registry.eventReceivers where receiver.endpoint != nil && begin(receiver.id) {
                    group.addTask {
                        await self.deliver(to: receiver.id, observer)
                        self.state.withLock { _ = $0.working.remove(receiver.id) }
                    }
                }
                await registry.outbox.wait(after: rings, atMost: Self.tick)
            }
            group.cancelAll()
        }
        registry.outbox.end()
    }

    /// Whether nobody works for the receiver yet and its pause is over.
    private func begin(_ id: ReceiverID) -> Bool {
        state.withLock { state in
            if let pause = state.pauses[id], ContinuousClock.now < pause.until { return false }
            return state.working.insert(id).inserted
        }
    }

    /// Delivers what is there. Rings that come meanwhile are heard by the next look at the queue.
    private func deliver(to id: ReceiverID, _ observer: Observer) async {
        do {
            while !Task.isCancelled, let receiver = registry.eventReceiver(id), receiver.enabled,
                let endpoint = receiver.endpoint
            {
                let events = try await store.events(for: id, limit: Self.portion)
                guard !events.isEmpty else { return }
                guard try await deliver(events, to: receiver, at: endpoint, observer) else { return }
            }
        } catch {
            observer(id, .failed(reason: "\(error)", retryIn: pause(id)))
        }
    }

    /// - Returns: false when the rest has to wait.
    private func deliver(
        _ events: [OutgoingEvent], to receiver: EventReceiver, at endpoint: String, _ observer: Observer
    ) async throws -> Bool {
        let place = KeyCustodian.place(of: receiver.id)
        let authorization = try await alarm.opening(place, for: .work("push")) {
            try custodian.authorization(of: receiver)
        }
        var done: [String] = []
        var failure: String?
        for event in events {
            if Task.isCancelled { break }
            let answer: PushAnswer
            do throws(FetchError) {
                answer = try await courier.push(
                    try signed(event), to: endpoint, authorization: authorization,
                    allowPrivate: receiver.allowPrivateNetwork
                )
            } catch {
                failure = error.description
                break
            }
            if (200..<300).contains(answer.status) {
                done.append(event.jti)
            } else if answer.status == 400, !Self.mendable.contains(answer.refusal ?? "") {
                try await reject(event, code: answer.refusal ?? "without a code", by: receiver)
                observer(receiver.id, .rejected(jti: event.jti, code: answer.refusal ?? ""))
            } else {
                failure = "the answer is \(answer.status)\(answer.refusal.map { ", \($0)" } ?? "")"
                break
            }
        }
        if !done.isEmpty {
            try await ledger.commit(Entry(changes: [.acknowledge(receiver.id, done)]))
            observer(receiver.id, .delivered(done.count))
        }
        if let failure {
            // A cancelled attempt is no failure of the receiver's.
            if !Task.isCancelled { observer(receiver.id, .failed(reason: failure, retryIn: pause(receiver.id))) }
            return false
        }
        state.withLock { $0.pauses[receiver.id] = nil }
        return true
    }

    private func signed(_ event: OutgoingEvent) throws(FetchError) -> String {
        do {
            return try event.signed(with: keys, at: now())
        } catch {
            throw FetchError("the event cannot be signed: \(error)")
        }
    }

    private func reject(_ event: OutgoingEvent, code: String, by receiver: EventReceiver) async throws {
        let record = receiver.record(.eventRejected, .deny, reason: "\(event.jti): \(code)", at: now())
        try await ledger.commit(Entry(changes: [.acknowledge(receiver.id, [event.jti])], audit: [record]))
    }

    /// Twice as long with each failure, up to five minutes; somewhere in the upper half of that, so that many do not
    /// come back at once.
    private func pause(_ id: ReceiverID) -> Duration {
        state.withLock { state in
            let failures = (state.pauses[id]?.failures ?? 0) + 1
            var seconds = 1.0
            for _ in 1..<min(failures, 10) { seconds *= 2 }
            let pause = Duration.seconds(min(seconds, Self.longestPause) * Double.random(in: 0.5...1))
            state.pauses[id] = Pause(failures: failures, until: ContinuousClock.now + pause)
            return pause
        }
    }

    /// Drops what nobody came for, or nobody could be brought: each time with a record in the audit trail.
    func prune(at now: Timestamp) async throws {
        let known = Set(registry.eventReceivers.map(\.id))
        state.withLock { state in state.pauses = state.pauses.filter { known.contains($0.key) } }
        for receiver in registry.eventReceivers {
            while true {
                let surplus = try await store.surplusEvents(
                    of: receiver.id, keeping: Self.longestQueue, since: now.adding(seconds: -Self.greatestAge)
                )
                guard !surplus.isEmpty else { break }
                let record = receiver.record(
                    .eventDropped, .deny, reason: "\(surplus.count) undelivered events were dropped", at: now)
                try await ledger.commit(Entry(changes: [.acknowledge(receiver.id, surplus)], audit: [record]))
            }
        }
    }
}

extension EventReceiver {
    /// An audit record of what became of events for this receiver.
    func record(
        _ name: AuditEvent.Name, _ decision: AuditEvent.Decision, reason: String, at now: Timestamp
    ) -> AuditEvent {
        var event = AuditEvent(timestamp: now.milliseconds, name: name, decision: decision)
        event.clientID = clientID?.text
        event.apiEndpoint = endpoint == nil ? "POST /ssf/poll" : "push"
        event.target = "receiver/\(id)"
        event.policyEvaluation = .init(verdict: "refuse", rule: "event_delivery", reason: reason)
        return event
    }
}

extension AuditEvent.Name {
    package static let receiverCreated = Self(rawValue: "receiver.created")
    package static let receiverUpdated = Self(rawValue: "receiver.updated")
    package static let receiverDeleted = Self(rawValue: "receiver.deleted")
    /// A receiver would not have an event.
    package static let eventRejected = Self(rawValue: "event.rejected")
    /// Events grew too old or too many before they were delivered.
    package static let eventDropped = Self(rawValue: "event.dropped")
}
