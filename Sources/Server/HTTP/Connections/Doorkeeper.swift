import NIOCore
import Synchronization

/// Counts the connections and makes room: at the limit the idlest go, and whoever is being answered stays.
///
/// The networks with more than their share go first, so that a crowd from one place pushes out itself.
package final class Doorkeeper: Sendable {
    /// What the metrics tell.
    package struct Tallies: Sendable, Equatable {
        package var open = 0
        /// Sent away to make room.
        package var evicted = 0
        /// Not let in: everybody was being answered.
        package var turnedAway = 0
        /// Closed because something took too long.
        package var timedOut = 0
    }

    private struct State {
        var visitors: [ObjectIdentifier: Visitor] = [:]
        var perNetwork: [String: Int] = [:]
        var awake = 0
        var tallies = Tallies()
    }

    let limits: ConnectionLimits
    private let state = Mutex(State())

    package init(limits: ConnectionLimits = ConnectionLimits()) { self.limits = limits }

    package var tallies: Tallies {
        state.withLock { state in
            var tallies = state.tallies
            tallies.open = state.visitors.count
            return tallies
        }
    }

    /// Lets a connection in, if need be in the place of others.
    ///
    /// - Returns: whether it may stay.
    func admit(_ visitor: Visitor) -> Bool {
        state.withLock { state in
            var leaving: [Visitor] = []
            if state.perNetwork[visitor.network, default: 0] >= limits.perAddress {
                leaving = leavers(of: state) { $0.network == visitor.network }
            } else if state.visitors.count >= limits.connections {
                leaving = leavers(of: state) { _ in true }
            }
            sendAway(leaving, from: &state)
            guard state.visitors.count < limits.connections,
                state.perNetwork[visitor.network, default: 0] < limits.perAddress
            else {
                state.tallies.turnedAway += 1
                return false
            }
            state.visitors[ObjectIdentifier(visitor)] = visitor
            state.perNetwork[visitor.network, default: 0] += 1
            return true
        }
    }

    /// A connection has sent its first bytes.
    func awoke(_ visitor: Visitor) {
        visitor.awakes()
        state.withLock { state in
            guard state.visitors[ObjectIdentifier(visitor)] != nil else { return }
            state.awake += 1
            guard state.awake > limits.awake else { return }
            sendAway(leavers(of: state) { $0.isAwake && $0 !== visitor }, from: &state)
        }
    }

    func left(_ visitor: Visitor) { state.withLock { remove(visitor, from: &$0) } }

    func timedOut() { state.withLock { $0.tallies.timedOut += 1 } }

    private func sendAway(_ leaving: [Visitor], from state: inout State) {
        for visitor in leaving where visitor.dismiss() {
            remove(visitor, from: &state)
            state.tallies.evicted += 1
        }
    }

    private func remove(_ visitor: Visitor, from state: inout State) {
        guard state.visitors.removeValue(forKey: ObjectIdentifier(visitor)) != nil else { return }
        if visitor.isAwake { state.awake -= 1 }
        let rest = state.perNetwork[visitor.network, default: 1] - 1
        state.perNetwork[visitor.network] = rest > 0 ? rest : nil
    }

    /// Who goes next: of the networks with more than their share first, then by rank, then the idlest. Strangers go in
    /// numbers, others one by one.
    private func leavers(of state: State, among isMeant: (Visitor) -> Bool) -> [Visitor] {
        let share = max(16, limits.connections / max(1, state.perNetwork.count))
        var found: [(visitor: Visitor, isGreedy: Bool, rank: Visitor.Rank, since: NIODeadline)] = []
        for visitor in state.visitors.values where isMeant(visitor) {
            guard let standing = visitor.standing else { continue }
            let isGreedy = state.perNetwork[visitor.network, default: 0] > share
            found.append((visitor, isGreedy, standing.rank, standing.since))
        }
        found.sort { one, other in
            if one.isGreedy != other.isGreedy { return one.isGreedy }
            if one.rank != other.rank { return one.rank < other.rank }
            return one.since < other.since
        }
        guard let first = found.first else { return [] }
        let alike = found.prefix(limits.batch).prefix { $0.rank == first.rank && $0.isGreedy == first.isGreedy }
        return first.rank == .stranger ? alike.map(\.visitor) : [first.visitor]
    }
}
