import Vault

extension KeyringChange {
    /// Keeps the boxes of receivers in memory as they are in the database.
    func keep(in receivers: inout [ReceiverID: EventReceiver]) {
        guard case .reseal(let boxes) = self else { return }
        for box in boxes where box.old.place.table == "event_receivers" {
            guard let id = ReceiverID(box.old.place.row), var receiver = receivers[id],
                receiver.authorization == box.old.box
            else { continue }
            receiver.seal(box.box)
            receivers[id] = receiver
        }
    }

    /// The same for connections.
    func keep(in connections: ConnectionShelf) {
        guard case .reseal(let boxes) = self else { return }
        for box in boxes where box.old.place.table == "connections" {
            guard let id = ConnectionID(box.old.place.row) else { continue }
            connections.replace(box.old.box, of: id, with: box.box)
        }
    }
}
