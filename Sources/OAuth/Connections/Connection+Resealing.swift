import Vault

extension KeyringChange {
    /// Keeps the boxes of connections in memory as they are in the database.
    func apply(to connections: ConnectionShelf) {
        guard case .reseal(let boxes) = self else { return }
        for box in boxes where box.old.place.table == "connections" {
            guard let id = ConnectionID(box.old.place.row) else { continue }
            connections.replace(box.old.box, of: id, with: box.box)
        }
    }
}
