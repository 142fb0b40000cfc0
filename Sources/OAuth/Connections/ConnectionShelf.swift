import Synchronization

/// All connections, in memory. Changed by the ledger alone, after the change is durable.
package final class ConnectionShelf: Sendable {
    private struct State {
        var connections: [SecretName: Shared<Connection>] = [:]
        var names: [ConnectionID: SecretName] = [:]
    }

    private let state: Mutex<State>

    init(_ connections: [Connection]) {
        var state = State()
        for connection in connections { Self.put(connection, into: &state) }
        self.state = Mutex(state)
    }

    package func connection(_ name: SecretName) -> Connection? { state.withLock { $0.connections[name] }?.value }

    func connection(_ id: ConnectionID) -> Connection? {
        state.withLock { state in state.names[id].flatMap { state.connections[$0] } }?.value
    }

    /// By name, after a cursor.
    package func page(after cursor: SecretName?, limit: Int) -> [Connection] {
        let all = state.withLock { Array($0.connections.values) }.map(\.value)
        return Array(
            all.filter { connection in cursor.map { connection.secret > $0 } ?? true }
                .sorted { $0.secret < $1.secret }.prefix(limit)
        )
    }

    /// How many there are of each status.
    package var counts: [Connection.Status: Int] {
        state.withLock { state in
            state.connections.values.reduce(into: [:]) { $0[$1.value.status, default: 0] += 1 }
        }
    }

    func put(_ connection: Connection) { state.withLock { Self.put(connection, into: &$0) } }

    /// Puts a box in the place of another that held the same. One that was changed in the meantime is left as it is.
    func replace(_ old: [UInt8], of id: ConnectionID, with box: [UInt8]) {
        state.withLock { state in
            guard let name = state.names[id], var connection = state.connections[name]?.value, connection.box == old
            else { return }
            connection.box = box
            state.connections[name] = Shared(connection)
        }
    }

    func remove(_ name: SecretName) {
        state.withLock { state in
            guard let old = state.connections.removeValue(forKey: name)?.value else { return }
            state.names[old.id] = nil
        }
    }

    private static func put(_ connection: Connection, into state: inout State) {
        if let old = state.connections[connection.secret]?.value { state.names[old.id] = nil }
        state.connections[connection.secret] = Shared(connection)
        state.names[connection.id] = connection.secret
    }
}
