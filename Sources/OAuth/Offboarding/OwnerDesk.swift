package import JOSE
import Revocations
import Vault

/// Where those who answer for agents leave: all clients of an owner stop at once.
package struct OwnerDesk: Sendable {
    private let registry: Registry
    private let ledger: Ledger
    private let now: Now

    package init(registry: Registry, ledger: Ledger, now: @escaping Now) {
        self.registry = registry
        self.ledger = ledger
        self.now = now
    }

    /// Nobody is registered under this owner.
    package struct UnknownOwner: Error, Sendable {}

    /// Disables every client of an owner in one transaction: all of them, or none. Their tokens die, and enabling a
    /// client again does not bring them back.
    ///
    /// - Parameter draft: `{"owner"}`, compared byte by byte.
    /// - Returns: the owner and the clients that this call disabled; none when all were disabled already.
    package func disable(_ draft: JSONObject, by caller: Operator) async throws -> (owner: String, clients: [ClientID])
    {
        try caller.require(RegistryKind.client.writeScope)
        var reader = DocumentReader(draft)
        let named = reader.required("owner", reader.text("owner"))
        try reader.finish()
        guard let owner = named else { throw InvalidDocument("owner", "is required") }
        for _ in 0..<8 {
            let time = now()
            let clients = registry.clients(ownedBy: owner)
            if clients.isEmpty { throw UnknownOwner() }
            let enabled = clients.filter(\.enabled)
            if enabled.isEmpty { return (owner, []) }
            var entry = Entry()
            for client in enabled { entry.disable(client, by: caller, at: time) }
            do {
                try await ledger.commit(entry)
                return (owner, enabled.map(\.id))
            } catch CommitFailure.stale, CommitFailure.missing {
                // One of them was changed or removed in the same moment: once more, with what is there now.
                continue
            }
        }
        throw Registrar.Failure.stale(.client, owner)
    }
}

extension Entry {
    fileprivate mutating func disable(_ client: Client, by caller: Operator, at time: Timestamp) {
        var disabled = client
        disabled.enabled = false
        disabled.revision += 1
        var event = caller.event(
            .clientUpdated, target: "client/\(client.id)", rule: RegistryKind.client.writeScope, reason: "owner left",
            at: time
        )
        event.before = client.document(at: time).text
        event.after = disabled.document(at: time).text
        changes.append(.update(.client(disabled), from: client.revision))
        changes.append(.revoke(Revocation(.client, client.id.text, at: time, reason: "owner disabled")))
        audit.append(event)
    }
}

extension Registry {
    /// Clients whose owner is exactly this text, in the order of their ids.
    func clients(ownedBy owner: String) -> [Client] {
        clients(where: { $0.owner?.utf8.elementsEqual(owner.utf8) ?? false })
    }
}
