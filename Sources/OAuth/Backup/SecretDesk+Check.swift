import Vault

extension SecretDesk {
    /// Opens every stored value, and forgets it again: what does not open now would be missed later.
    ///
    /// - Returns: how many there are.
    /// - Throws: `VaultError` for the first that does not open in its place.
    package func checkBoxes() async throws -> Int {
        var count = 0
        for secret in registry.secrets.all {
            for version in try await store.secretVersions(of: secret.name) {
                guard let box = try await store.secretBox(of: secret.name, version: version.number) else {
                    // What is destroyed has lost its box, and nothing else has.
                    if version.state == .destroyed { continue }
                    throw VaultError.cannotOpen(place: secret.place(of: version.number).description)
                }
                _ = try barrier.open(try SealedBox(bytes: box), at: secret.place(of: version.number))
                count += 1
            }
        }
        return count
    }
}
