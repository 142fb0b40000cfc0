/// Finds the client that a SPIFFE ID stands for. A member of the registry's state.
struct SPIFFEIndex {
    private var patterns: [ClientID: SPIFFEPattern] = [:]
    private var exact: [String: ClientID] = [:]
    /// Few: one for each client that stands for a whole path.
    private var prefixes: [ClientID: SPIFFEPattern] = [:]

    /// Takes note of what a client is registered with now.
    mutating func put(_ client: Client) {
        let old = patterns[client.id]
        guard old != client.spiffeID else { return }
        remove(client.id)
        guard let pattern = client.spiffeID else { return }
        patterns[client.id] = pattern
        if pattern.isPrefix { prefixes[client.id] = pattern } else { exact[pattern.text] = client.id }
    }

    mutating func remove(_ client: ClientID) {
        guard let old = patterns.removeValue(forKey: client) else { return }
        prefixes[client] = nil
        if exact[old.text] == client { exact[old.text] = nil }
    }

    /// The one client whose pattern matches; an exact one first. Patterns of two clients never overlap.
    func client(for id: SPIFFEID) -> ClientID? {
        if let client = exact[id.text] { return client }
        return prefixes.first { $0.value.matches(id) }?.key
    }

    /// Another client whose pattern means a workload that this one means too.
    func client(overlapping pattern: SPIFFEPattern, otherThan client: ClientID) -> ClientID? {
        patterns.first { $0.key != client && $0.value.overlaps(pattern) }?.key
    }
}
