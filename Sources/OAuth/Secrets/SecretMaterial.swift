package import Vault

/// How the stored values of a kind become what is handed out. Kinds without one hand out what is stored.
package protocol SecretMaterial: Sendable {
    /// Brings the stored value up to date before it is released.
    ///
    /// - Returns: when what is handed out ends by itself, in whole seconds since 1970; nil when it does not.
    /// - Throws: `SecretRefusal.unavailable` or `.conflict` when there is nothing that could be handed out.
    func prepare(_ secret: VaultSecret, at now: Timestamp) async throws -> Int64?

    /// What is handed out of a stored value.
    func reveal(_ stored: Secret, of secret: VaultSecret) throws -> Secret
}
