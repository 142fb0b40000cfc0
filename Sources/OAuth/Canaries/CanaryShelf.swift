import Synchronization

/// All canaries, in memory, by their digests. Changed by the ledger alone, after the change is durable.
package final class CanaryShelf: Sendable {
    private struct State {
        var canaries: [CanaryID: Canary] = [:]
        var byDigest: [[UInt8]: CanaryID] = [:]
    }

    private let state: Mutex<State>

    init(_ canaries: [Canary]) {
        var state = State()
        for canary in canaries { Self.put(canary, into: &state) }
        self.state = Mutex(state)
    }

    /// True where nobody has planted anything: then nothing has to be looked up.
    package var isEmpty: Bool { state.withLock { $0.canaries.isEmpty } }

    package var count: Int { state.withLock { $0.canaries.count } }

    package func canary(_ id: CanaryID) -> Canary? { state.withLock { $0.canaries[id] } }

    func canary(digest: [UInt8]) -> Canary? {
        state.withLock { state in state.byDigest[digest].flatMap { state.canaries[$0] } }
    }

    /// By id, after a cursor.
    package func page(after cursor: CanaryID?, limit: Int) -> [Canary] {
        state.withLock { state in
            let found = state.canaries.values.filter { canary in cursor.map { $0 < canary.id } ?? true }
            return Array(found.sorted { $0.id < $1.id }.prefix(limit))
        }
    }

    func apply(_ change: Change) {
        state.withLock { state in
            switch change {
            case .plant(let canary): Self.put(canary, into: &state)
            case .unplant(let id):
                guard let old = state.canaries.removeValue(forKey: id) else { return }
                state.byDigest[old.digest] = nil
            case .canarySeen(let sighting):
                guard var canary = state.canaries[sighting.id] else { return }
                let (uses, overflow) = canary.uses.addingReportingOverflow(sighting.uses)
                canary.uses = overflow ? .max : uses
                canary.firstUsed = canary.firstUsed ?? sighting.at
                canary.lastUsed = sighting.at
                state.canaries[sighting.id] = canary
            default: break
            }
        }
    }

    private static func put(_ canary: Canary, into state: inout State) {
        state.canaries[canary.id] = canary
        state.byDigest[canary.digest] = canary.id
    }
}
