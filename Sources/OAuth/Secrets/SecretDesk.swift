package import Revocations
package import Vault

/// Where secrets are kept, changed and released. Each of its doors is an extension in a file of its own.
package struct SecretDesk: Sendable {
    let registry: Registry
    let revocations: RevocationSet
    let barrier: Barrier
    let store: any Store
    let ledger: Ledger
    let alarm: BoxAlarm
    let now: Now
    /// What is to be done to a stored value before it is handed out, by kind.
    let materials: [SecretKind: any SecretMaterial]

    /// To read values through the vault's own door.
    package static let readScope = "secrets:read"
    /// To define secrets, put values and say who may read them. It reads no value.
    package static let writeScope = "secrets:write"

    package init(
        registry: Registry, revocations: RevocationSet, barrier: Barrier, store: any Store, ledger: Ledger,
        alarm: BoxAlarm, now: @escaping Now, materials: [SecretKind: any SecretMaterial] = [:]
    ) {
        self.registry = registry
        self.revocations = revocations
        self.barrier = barrier
        self.store = store
        self.ledger = ledger
        self.alarm = alarm
        self.now = now
        self.materials = materials
    }
}

/// A value on its way out, with the lease under which it goes.
package struct ReleasedSecret: Sendable {
    package let secret: VaultSecret
    package let value: Secret
    package let lease: Lease
}
