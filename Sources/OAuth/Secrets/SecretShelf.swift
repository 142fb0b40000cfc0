import Synchronization

/// The definitions of all secrets, in memory. Changed by the ledger alone, after the change is durable.
package final class SecretShelf: Sendable {
    private struct State {
        var secrets: [SecretName: Shared<VaultSecret>] = [:]
        var byResource: [ResourceURI: Set<SecretName>] = [:]
        /// All names in order; nil when one came or went since they were last sorted.
        var names: [SecretName]?

        /// Those after a cursor.
        mutating func names(after cursor: SecretName?) -> ArraySlice<SecretName> {
            let names = self.names ?? secrets.keys.sorted()
            self.names = names
            guard let cursor else { return names[...] }
            var (low, high) = (0, names.count)
            while low < high {
                let middle = (low + high) / 2
                if names[middle] <= cursor { low = middle + 1 } else { high = middle }
            }
            return names[low...]
        }
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
        state.withLock { state in
            var found: [VaultSecret] = []
            for name in state.names(after: cursor) {
                guard found.count < limit else { break }
                if let secret = state.secrets[name]?.value, matches(secret) { found.append(secret) }
            }
            return found
        }
    }

    package var all: [VaultSecret] { state.withLock { $0.secrets.values.map(\.value) } }

    package var count: Int { state.withLock { $0.secrets.count } }

    func put(_ secret: VaultSecret) { state.withLock { Self.put(secret, into: &$0) } }

    func remove(_ name: SecretName) {
        state.withLock { state in
            guard let old = state.secrets.removeValue(forKey: name)?.value else { return }
            state.names = nil
            Self.forget(old, in: &state)
        }
    }

    private static func put(_ secret: VaultSecret, into state: inout State) {
        if let old = state.secrets.updateValue(Shared(secret), forKey: secret.name)?.value {
            forget(old, in: &state)
        } else {
            state.names = nil
        }
        if let resource = secret.resource { state.byResource[resource, default: []].insert(secret.name) }
    }

    private static func forget(_ secret: VaultSecret, in state: inout State) {
        guard let resource = secret.resource else { return }
        state.byResource[resource]?.remove(secret.name)
        if state.byResource[resource]?.isEmpty == true { state.byResource[resource] = nil }
    }
}
