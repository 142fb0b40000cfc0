internal import Crypto
internal import JOSE

extension RootKey {
    /// The bytes of a passphrase that is to be used from now on: short ones are guessed, whatever a guess costs.
    package static let passphraseLength = 12...1024

    /// The root key that a passphrase stands for.
    ///
    /// The bytes are taken as they are: no letters are made equal to others.
    ///
    /// - Throws: `VaultError.busy` when too many are being derived, `.derivationFailed` when there is not the memory.
    package static func derive(
        from passphrase: Secret, salt: [UInt8], cost: Argon2Cost
    ) async throws(VaultError) -> RootKey {
        let key = try await Derivations.shared.run { () throws(VaultError) -> Secret in
            var bytes = passphrase.withBytes { Array($0) }
            defer { wipe(&bytes) }
            return try Argon2id.derive(
                from: bytes, salt: salt, cost: (cost.memoryKiB, cost.passes, cost.lanes)
            )
        }
        return RootKey(secret: key)
    }

    /// A slot for a passphrase that is new, with a salt of its own.
    ///
    /// - Throws: `VaultError.passphraseLength`, and what `derive` throws.
    package static func make(
        from passphrase: Secret, cost: Argon2Cost, now: Int64
    ) async throws(VaultError) -> HeldRootKey {
        guard passphraseLength.contains(passphrase.count) else { throw .passphraseLength(passphraseLength) }
        let salt = randomBytes(Argon2id.saltLength)
        let key = try await derive(from: passphrase, salt: salt, cost: cost)
        let slot = RootKeySlot(id: key.fingerprint, kind: .passphrase(salt: salt, cost: cost), createdAt: now)
        return HeldRootKey(key: key, slot: slot)
    }

    /// The key with the slot that it opens from now on.
    package func inNewSlot(now: Int64) -> HeldRootKey {
        HeldRootKey(key: self, slot: RootKeySlot(id: fingerprint, kind: .file, createdAt: now))
    }

    /// A name that says nothing about the key: its HMAC of a fixed text, cut to 16 bytes.
    package var fingerprint: String {
        let code = HMAC<SHA256>.authenticationCode(for: Array("legate root key fingerprint".utf8), using: secret.key)
        return Base64URL.encode(Array(code.prefix(16)))
    }
}
