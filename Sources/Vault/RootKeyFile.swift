#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The file of the root key while the key in it is exchanged.
///
/// The new key is written beside it and made durable, then the database takes it, then it takes the old one's place.
/// Whenever the process ends in between, one of the two files opens the database, and the next start tidies up.
package struct RootKeyFile: Sendable {
    /// Where the root key is.
    package let path: String
    /// Where the next one waits.
    package var staged: String { path + ".next" }

    package init(path: String) {
        self.path = path
    }

    /// Writes the next key beside the present one; it is durable when this returns.
    ///
    /// - Throws: `VaultError.rootKeyInTheWay` when there is a key at the path that is not `present`: it is not ours to
    ///   write over.
    package func stage(_ next: HeldRootKey, present: HeldRootKey) throws(VaultError) {
        try checkPlace(present: present)
        try discardStaged()
        try RootKey.store(next.key, path: staged)
    }

    /// Checks that at the path there is the present key, or nothing.
    private func checkPlace(present: HeldRootKey) throws(VaultError) {
        do throws(VaultError) {
            guard try RootKey.load(path: path).fingerprint == present.fingerprint else {
                throw VaultError.rootKeyInTheWay(path: path)
            }
        } catch .rootKeyMissing {
            return
        }
    }

    /// Puts the next key in the present one's place, in one step.
    package func place() throws(VaultError) {
        guard unsafe rename(staged, path) == 0 else { throw .rootKeyUnwritable(path: path, code: errno) }
        try RootKey.synchronize(directory: RootKey.parent(of: path), keyPath: path)
    }

    /// Removes a next key that the database did not take.
    package func discardStaged() throws(VaultError) { try remove(staged) }

    /// Removes the key at the path when its fingerprint is this one; any other stays.
    package func discard(_ fingerprint: String) throws(VaultError) {
        guard (try? RootKey.load(path: path))?.fingerprint == fingerprint else { return }
        try remove(path)
    }

    /// Finishes or undoes at a start what a crash cut short.
    ///
    /// - Parameters:
    ///   - held: the root key that opened the vault.
    ///   - leftovers: fingerprints of root keys that opened it before, and whose file was still to go.
    package func settle(_ held: HeldRootKey, leftovers: [String]) throws(VaultError) {
        let present = (try? RootKey.load(path: path))?.fingerprint
        let next = (try? RootKey.load(path: staged))?.fingerprint
        if next == held.fingerprint, present != held.fingerprint {
            guard present == nil || present.map(leftovers.contains) == true else { return }
            if present == nil, unsafe access(path, F_OK) == 0 { return }
            try place()
            return
        }
        try discardStaged()
        if held.slot.isPassphrase { for leftover in leftovers { try discard(leftover) } }
    }

    private func remove(_ name: String) throws(VaultError) {
        guard unsafe unlink(name) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw .rootKeyUnwritable(path: name, code: errno) }
            return
        }
        try RootKey.synchronize(directory: RootKey.parent(of: name), keyPath: name)
    }
}
