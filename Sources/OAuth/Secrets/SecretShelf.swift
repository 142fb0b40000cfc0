import Synchronization

/// The definitions of all secrets, in memory. Changed by the ledger alone, after the change is durable.
package final class SecretShelf: Sendable {
    private struct State {
        var secrets: [SecretName: Shared<VaultSecret>] = [:]
        var byResource: [ResourceURI: Set<SecretName>] = [:]
    }

    private let state: Mutex<State>

    init(_ secrets: [VaultSecret]) {
        var state = State()
        state.secrets.reserveCapacity(secrets.count)
        for secret in secrets { Self.put(secret, into: &state) }
        self.state = Mutex(state)
    }

    package func secret(_ name: SecretName) -> VaultSecret? { state.withLock { $0.secrets[name] }?.value }

    /// The secrets that are credentials for a third-party API, by name.
    package func secrets(for resource: ResourceURI) -> [VaultSecret] {
        state.withLock { state in
            (state.byResource[resource] ?? []).sorted().compactMap { state.secrets[$0]?.value }
        }
    }

    /// The secrets that `matches` wants, by name, after a cursor.
    package func page(
        after cursor: SecretName?, limit: Int, where matches: (VaultSecret) -> Bool = { _ in true }
    ) -> [VaultSecret] {
        let all = state.withLock { Array($0.secrets.values) }
        let found = all.lazy.map(\.value).filter { secret in cursor.map { $0 < secret.name } ?? true }.filter(matches)
        return Array(found.sorted { $0.name < $1.name }.prefix(limit))
    }

    package var all: [VaultSecret] { state.withLock { $0.secrets.values.map(\.value) } }

    package var count: Int { state.withLock { $0.secrets.count } }

    func put(_ secret: VaultSecret) { state.withLock { Self.put(secret, into: &$0) } }

    func remove(_ name: SecretName) {
        state.withLock { state in
            guard let old = state.secrets.removeValue(forKey: name)?.value else { return }
            Self.forget(old, in: &state)
        }
    }

    private static func put(_ secret: VaultSecret, into state: inout State) {
        if let old = state.secrets.updateValue(Shared(secret), forKey: secret.name)?.value { forget(old, in: &state) }
        if let resource = secret.resource { state.byResource[resource, default: []].insert(secret.name) }
    }

    private static func forget(_ secret: VaultSecret, in state: inout State) {
        guard let resource = secret.resource else { return }
        state.byResource[resource]?.remove(secret.name)
        if state.byResource[resource]?.isEmpty == true { state.byResource[resource] = nil }
    }
}
