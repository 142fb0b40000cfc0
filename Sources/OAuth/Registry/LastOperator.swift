/// A change that would leave nobody who could register clients: it is refused, whoever asks for it, for nobody could
/// take it back.
package struct LastOperator: Error, Sendable, Equatable {
    package let client: ClientID

    init(_ client: ClientID) { self.client = client }

    /// The refusal, and what helps.
    package var sentence: String {
        "\(client) is the last operator who can register others here: one that is enabled, has clients:write and "
            + "credentials that this server takes. Register another one first"
    }
}

extension Client {
    /// Whether it is an operator who can get a token and register others with it.
    ///
    /// - Parameter takesCertificates: whether clients find a place where they are asked for one. Without it, who has to
    ///   show one gets no token.
    func registersOthers(at admin: ResourceURI, takesCertificates: Bool, now: Timestamp) -> Bool {
        guard kind == .admin, enabled, scopes.contains(RegistryKind.client.writeScope), resources.contains(admin),
            grants.contains(.clientCredentials)
        else { return false }
        if certificateBound || authentication.usesCertificate { return takesCertificates }
        return authentication != .clientSecretBasic || secrets.contains { $0.isLive(at: now) }
    }
}

extension Registry {
    /// The operators who could register others until now and cannot after these changes.
    func operatorsEnded(by changes: [Change], at now: Timestamp) -> [ClientID] {
        changes.compactMap { change in
            let changed: Client?
            let id: ClientID
            switch change {
            case .update(.client(let client), from: _): (id, changed) = (client.id, client)
            case .delete(.client(let client)): (id, changed) = (client.id, nil)
            default: return nil
            }
            guard let before = client(id), registersOthers(before, at: now) else { return nil }
            if let changed, registersOthers(changed, at: now) { return nil }
            return id
        }
    }

    /// Whether somebody other than these can register others.
    func hasOperator(otherThan ended: Set<ClientID>, at now: Timestamp) -> Bool {
        !clients { !ended.contains($0.id) && registersOthers($0, at: now) }.isEmpty
    }

    private func registersOthers(_ client: Client, at now: Timestamp) -> Bool {
        client.registersOthers(at: ownResources.admin.uri, takesCertificates: takesCertificates, now: now)
    }
}
