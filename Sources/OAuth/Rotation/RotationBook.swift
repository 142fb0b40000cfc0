import Synchronization

/// All rotation plans in memory, and which of them is due. Changed by the ledger alone, after the change is durable.
package final class RotationBook: Sendable {
    /// Announced rotations wait for somebody else's server; the others must not wait for them.
    enum Lane: Int, CaseIterable { case plain, announced }

    private struct State {
        var plans: [SecretName: RotationPlan] = [:]
        var lanes: [SecretName: Lane] = [:]
        var queues = Lane.allCases.map { _ in RotationQueue() }
        /// The intervals of those that have a policy.
        var intervals: [SecretName: Int] = [:]
        /// Secrets whose policy and plan do not agree: one of them is missing, or the interval is another one.
        var unplanned: Set<SecretName> = []
        var byClient: [ClientID: SecretName] = [:]
        var clients: [SecretName: ClientID] = [:]
        /// Somebody works on these: they come up again when that is over.
        var working: Set<SecretName> = []
    }

    private let state: Mutex<State>
    /// Rings when something may be due earlier than it was.
    let bell = EventOutbox()

    init(secrets: [VaultSecret], plans: [RotationPlan]) {
        var state = State()
        state.plans.reserveCapacity(plans.count)
        for plan in plans { state.plans[plan.secret] = plan }
        for secret in secrets {
            Self.put(secret, into: &state)
            if let plan = state.plans[secret.name] { Self.queue(plan, in: &state) }
        }
        self.state = Mutex(state)
    }

    package func plan(_ name: SecretName) -> RotationPlan? { state.withLock { $0.plans[name] } }

    /// The secret that keeps the client's own secret.
    func secret(of client: ClientID) -> SecretName? { state.withLock { $0.byClient[client] } }

    /// Secrets whose plan has to be made, changed or dropped.
    func unplanned(limit: Int) -> [SecretName] { state.withLock { Array($0.unplanned.prefix(limit)) } }

    /// Whether nobody works on the secret yet; from now on somebody does, until `settle`.
    func begin(_ name: SecretName) -> Bool { state.withLock { $0.working.insert(name).inserted } }

    /// Begins what is due, the longest due first: at most `limit`.
    func take(_ lane: Lane, at now: Timestamp, limit: Int) -> [SecretName] {
        state.withLock { state in
            var taken: [SecretName] = []
            while taken.count < limit, let first = state.queues[lane.rawValue].first, first.at <= now {
                _ = state.queues[lane.rawValue].removeFirst()
                guard state.plans[first.secret]?.nextAt == first.at, state.lanes[first.secret] == lane,
                    state.working.insert(first.secret).inserted
                else { continue }
                taken.append(first.secret)
            }
            return taken
        }
    }

    /// The work on a secret is over: it comes up again as its plan is now.
    func settle(_ name: SecretName) {
        state.withLock { state in
            state.working.remove(name)
            if let plan = state.plans[name] { Self.queue(plan, in: &state) }
        }
        bell.ring()
    }

    /// When something comes up next in these lanes.
    func nextAt(in lanes: [Lane]) -> Timestamp? {
        state.withLock { state in lanes.compactMap { state.queues[$0.rawValue].first?.at }.min() }
    }

    /// Rotations that should have happened by now. Goes through all: for metrics, not for requests.
    package func overdue(at now: Timestamp) -> Int {
        state.withLock { state in state.plans.values.count { $0.isOverdue(at: now) } }
    }

    // MARK: Changing (the ledger, after a commit)

    func put(_ secret: VaultSecret) {
        let isNews = state.withLock { state in
            let lane = state.lanes[secret.name]
            Self.put(secret, into: &state)
            // Another webhook, or none any more: the other lane has to know.
            if lane != state.lanes[secret.name], let plan = state.plans[secret.name] { Self.queue(plan, in: &state) }
            return state.unplanned.contains(secret.name)
        }
        if isNews { bell.ring() }
    }

    func remove(_ name: SecretName) {
        state.withLock { state in
            state.plans[name] = nil
            state.lanes[name] = nil
            state.intervals[name] = nil
            state.unplanned.remove(name)
            if let client = state.clients.removeValue(forKey: name) { state.byClient[client] = nil }
        }
    }

    func put(_ plan: RotationPlan) {
        state.withLock { state in
            state.plans[plan.secret] = plan
            Self.compare(plan.secret, in: &state)
            Self.queue(plan, in: &state)
        }
        bell.ring()
    }

    func drop(_ name: SecretName) {
        state.withLock { state in
            state.plans[name] = nil
            Self.compare(name, in: &state)
        }
    }

    func hasten(_ name: SecretName, at now: Timestamp) {
        state.withLock { state in
            guard let plan = state.plans[name]?.hastened(at: now) else { return }
            state.plans[name] = plan
            Self.queue(plan, in: &state)
        }
        bell.ring()
    }

    private static func put(_ secret: VaultSecret, into state: inout State) {
        let name = secret.name
        if let client = secret.client {
            state.byClient[client] = name
            state.clients[name] = client
        }
        state.lanes[name] = secret.rotation?.webhook == nil ? .plain : .announced
        state.intervals[name] = secret.rotation?.every
        compare(name, in: &state)
    }

    private static func compare(_ name: SecretName, in state: inout State) {
        if state.intervals[name] == state.plans[name]?.every {
            state.unplanned.remove(name)
        } else {
            state.unplanned.insert(name)
        }
    }

    private static func queue(_ plan: RotationPlan, in state: inout State) {
        guard let lane = state.lanes[plan.secret] else { return }
        state.queues[lane.rawValue].insert(RotationQueue.Entry(at: plan.nextAt, secret: plan.secret))
    }
}
