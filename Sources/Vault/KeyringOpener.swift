/// Opens a stored keyring with a root key file or a passphrase.
package enum KeyringOpener {
    /// What opening comes to.
    package struct Opened: Sendable {
        package let keyring: Keyring
        package let rootKey: HeldRootKey
    }

    /// Opens the keyring, and changes nothing anywhere.
    ///
    /// - Parameters:
    ///   - slots: of them, those of the source's kind are tried.
    ///   - terms: each once for every slot, in any order.
    /// - Throws: `VaultError.wrongPassphrase`, `.passphraseNeeded` or `.rootKeyFileNeeded` when the vault has no slot of
    ///   that kind, `.busy`, `.cannotUnwrapTerm` when the key is right and a term was changed or the key file is another
    ///   one, and what `RootKey.load` throws.
    package static func open(
        slots: [RootKeySlot], terms: [WrappedTerm], source: RootKeySource
    ) async throws(VaultError) -> Keyring {
        try await unlock(slots: slots, terms: terms, source: source).keyring
    }

    /// As `open`, with the root key that opened it.
    package static func unlock(
        slots: [RootKeySlot], terms: [WrappedTerm], source: RootKeySource
    ) async throws(VaultError) -> Opened {
        guard !slots.isEmpty else { throw .noTerms }
        switch source {
        case .file(let path):
            let candidates = slots.filter { !$0.isPassphrase }
            guard !candidates.isEmpty else { throw .passphraseNeeded }
            return try unlock(candidates, terms: terms, file: RootKeyFile(path: path))
        case .passphrase(let passphrase):
            let candidates = slots.filter(\.isPassphrase)
            guard !candidates.isEmpty else { throw .rootKeyFileNeeded }
            return try await unlock(candidates, terms: terms, passphrase: passphrase)
        }
    }

    private static func unlock(
        _ slots: [RootKeySlot], terms: [WrappedTerm], file: RootKeyFile
    ) throws(VaultError) -> Opened {
        var failure: VaultError?
        // A crash between the database and the file leaves the new key beside the old one.
        for path in [file.path, file.staged] {
            do throws(VaultError) {
                return try unlock(slots, terms: terms, key: try RootKey.load(path: path))
            } catch {
                // What is wrong with the key's own file is what the operator has to know.
                if failure == nil { failure = error }
            }
        }
        throw failure ?? .rootKeyMissing(path: file.path)
    }

    private static func unlock(
        _ slots: [RootKeySlot], terms: [WrappedTerm], passphrase: Secret
    ) async throws(VaultError) -> Opened {
        var damage: VaultError?
        for slot in slots {
            guard case .passphrase(let salt, let cost) = slot.kind else { continue }
            let key = try await RootKey.derive(from: passphrase, salt: salt, cost: cost)
            do throws(VaultError) {
                return try unlock([slot], terms: terms, key: key)
            } catch {
                if key.fingerprint == slot.id { damage = error }
            }
        }
        throw damage ?? .wrongPassphrase
    }

    private static func unlock(
        _ slots: [RootKeySlot], terms: [WrappedTerm], key: RootKey
    ) throws(VaultError) -> Opened {
        var failure: VaultError = .noTerms
        for slot in slots {
            do throws(VaultError) {
                let keyring = try Keyring(rootKey: key, terms: terms.filter { $0.slot == slot.id })
                return Opened(keyring: keyring, rootKey: HeldRootKey(key: key, slot: slot))
            } catch {
                failure = error
            }
        }
        throw failure
    }
}
