/// The keyring of a new installation, with what has to be stored of it.
package struct NewKeyring: Sendable {
    package let keyring: Keyring
    package let rootKey: HeldRootKey
    /// The row of the only term.
    package let term: WrappedTerm
    /// Whether the root key file was made for it.
    package let isNewFile: Bool

    /// Makes a keyring that a root key file opens, which is made when there is none, or a passphrase.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Throws: what `RootKey.loadOrCreate` and `RootKey.make` throw.
    package init(
        from source: RootKeySource, cost: Argon2Cost = .standard, now: Int64
    ) async throws(VaultError) {
        switch source {
        case .file(let path):
            let (key, isNew) = try RootKey.loadOrCreate(path: path)
            rootKey = key.inNewSlot(now: now)
            isNewFile = isNew
        case .passphrase(let passphrase):
            rootKey = try await RootKey.make(from: passphrase, cost: cost, now: now)
            isNewFile = false
        }
        (keyring, term) = try Keyring.create(rootKey: rootKey.key, now: now)
    }
}
