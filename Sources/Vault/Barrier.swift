import Synchronization

/// Everything that is sealed or opened while the server runs goes through here, so that a new term takes effect
/// everywhere at once.
package final class Barrier: Sendable {
    private let held: Mutex<Keyring>

    package init(_ keyring: Keyring) {
        held = Mutex(keyring)
    }

    /// The keyring of this moment.
    package var keyring: Keyring { held.withLock { $0 } }

    /// Puts another keyring in use. Its terms must be durable: what it seals must open after the next start.
    package func replace(_ keyring: Keyring) { held.withLock { $0 = keyring } }

    /// Seals a value for its place with the active term.
    package func seal(_ plaintext: [UInt8], at place: Place) throws(VaultError) -> SealedBox {
        try keyring.seal(plaintext, at: place)
    }

    /// Opens a box at the place it was sealed for.
    ///
    /// - Throws: `VaultError.unknownTerm`, or `.cannotOpen` when the box was changed or comes from another place.
    package func open(_ box: SealedBox, at place: Place) throws(VaultError) -> Secret {
        try keyring.open(box, at: place)
    }
}
