/// Where the root key is to be had when the vault is opened.
package enum RootKeySource: Sendable {
    /// The file at this path.
    case file(path: String)
    case passphrase(Secret)
}

/// The root key with which the vault was opened. It stays, because the next term of the keyring is wrapped by it.
package struct HeldRootKey: Sendable {
    let key: RootKey
    package let slot: RootKeySlot

    package init(key: RootKey, slot: RootKeySlot) {
        self.key = key
        self.slot = slot
    }

    /// The key's name, also in a slot that has none.
    package var fingerprint: String { key.fingerprint }

    /// Whether the key stays out of swap.
    package var isLocked: Bool { key.isLocked }
}
