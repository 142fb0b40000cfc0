import JOSE
import Vault

extension Entry {
    /// Takes a client's event streams from it: another client that gets the same name later must not read them. One
    /// that only polls goes; one that is pushed to goes on without it.
    mutating func unlink(
        _ receivers: [EventReceiver], by caller: Operator, at time: Timestamp
    ) {
        for receiver in receivers {
            let isPushed = receiver.endpoint != nil
            var event = caller.event(
                isPushed ? .receiverUpdated : .receiverDeleted, target: "receiver/\(receiver.id)",
                rule: RegistryKind.client.writeScope, at: time
            )
            event.before = receiver.document(at: time).text
            if isPushed {
                var changed = receiver
                changed.clientID = nil
                changed.revision += 1
                event.after = changed.document(at: time).text
                changes.append(.update(.receiver(changed), from: receiver.revision))
            } else {
                changes.append(.delete(.receiver(receiver)))
            }
            audit.append(event)
        }
    }
}

extension Registry {
    /// The event streams of a client.
    func eventReceivers(of client: ClientID) -> [EventReceiver] { eventReceivers.filter { $0.clientID == client } }
}
