extension Keyring {
    /// Makes a ring with its first term, under the root key that opens the new vault.
    ///
    /// - Parameter now: milliseconds since 1970.
    /// - Returns: the ring, and the row to store for it.
    package static func create(by held: HeldRootKey, now: Int64) throws(VaultError) -> (Keyring, WrappedTerm) {
        try create(rootKey: held.key, now: now)
    }
}
