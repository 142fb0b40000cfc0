import Synchronization

/// Everything that is sealed or opened while the server runs goes through here, so that a new term takes effect
/// everywhere at once.
package final class Barrier: Sendable {
    private struct State {
        var keyring: Keyring
        var rootKey: HeldRootKey?
        var isForgotten = false
    }

    private let state: Mutex<State>

    /// - Parameter rootKey: what opened the keyring. Without it there can be no new term.
    package init(_ keyring: Keyring, rootKey: HeldRootKey? = nil) {
        state = Mutex(State(keyring: keyring, rootKey: rootKey))
    }

    package convenience init(_ opened: KeyringOpener.Opened) {
        self.init(opened.keyring, rootKey: opened.rootKey)
    }

    /// The keyring of this moment.
    package var keyring: Keyring { state.withLock { $0.keyring } }

    /// The root key that wraps the keyring's terms.
    package var rootKey: HeldRootKey? { state.withLock { $0.rootKey } }

    /// Puts another keyring in use. Its terms must be durable: what it seals must open after the next start.
    ///
    /// When the keys are forgotten once, nothing brings them back.
    package func replace(_ keyring: Keyring) {
        state.withLock { state in
            guard !state.isForgotten else { return }
            state.keyring = keyring
            guard keyring.terms.isEmpty else { return }
            state.rootKey = nil
            state.isForgotten = true
        }
    }

    /// Puts another root key in use, once the database knows it.
    package func replace(rootKey: HeldRootKey) {
        state.withLock { state in
            if !state.isForgotten { state.rootKey = rootKey }
        }
    }

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
