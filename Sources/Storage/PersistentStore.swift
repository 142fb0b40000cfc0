package import OAuth
package import Vault

/// A store with what belongs to the installation: its settings and the vault's sealed keys.
///
/// `init` and `serve` need these; the rules of the protocol do not, so they are not in `Store`.
package protocol PersistentStore: Store {
    /// Facts about the database itself, such as its issuer.
    func settings() async throws -> [String: String]

    func setting(_ name: String) async throws -> String?

    func setSetting(_ name: String, to value: String) async throws

    /// What a crash left of an exchange of root keys is done.
    func settleRootKeyFiles() async throws

    /// The vault's own keys by name, in sealed boxes.
    func vaultKeys() async throws -> [String: [UInt8]]

    /// Everything that a new database begins with, in one transaction.
    ///
    /// - Throws: `StorageError.alreadyInitialised` when it has an issuer.
    func initialise(
        issuer: String, rootKey: RootKeySlot, term: WrappedTerm, vaultKeys: [String: [UInt8]],
        signingKeys: [StoredSigningKey], objects: [RegistryObject], audit: [AuditEvent],
        seal: @Sendable (AuditHead) -> [UInt8]
    ) async throws

    /// Ends all use, and lets another process open the directory.
    func close() async throws
}
