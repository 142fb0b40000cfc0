import Foundation
import JOSE
import OAuth
import Storage
import Vault

/// Makes what `init` makes: the database, the root key or its passphrase, the first signing key and the first operator.
struct Installation {
    let issuer: IssuerURL
    let rootKeyWasCreated: Bool
    let credentialsFile: String

    /// Nil when all that exists.
    ///
    /// - Parameter passphrase: what opens the vault instead of a root key file.
    static func make(
        _ configuration: LegateConfiguration, passphrase: Secret?, store: SQLiteStore
    ) async throws -> Installation? {
        guard try await store.setting("issuer") == nil else { return nil }
        guard let issuer = configuration.issuer ?? IssuerURL(LegateConfiguration.defaultIssuer) else {
            throw ConfigurationError("issuer", "is required")
        }
        let time = Assembly.now()
        let (rootKey, isNewFile) = try await rootKey(configuration, passphrase, at: time)
        let (keyring, term) = try Keyring.create(by: rootKey, now: time.milliseconds)
        let digestBytes = DigestKey.generateBytes()
        let auditBytes = AuditKey.generateBytes()
        let digests = DigestKey(Secret(digestBytes))
        let auditKey = AuditKey(Secret(auditBytes))
        let barrier = Barrier(keyring)
        let signingKey = try SigningKeys.make(.es256, barrier: barrier, createdAt: time, activeFrom: time)
        let (admin, secret) = try FirstOperator.make(issuer: issuer, digests: digests, at: time)

        func box(_ bytes: [UInt8], _ name: String) throws -> [UInt8] {
            try barrier.seal(bytes, at: Assembly.VaultKey.place(of: name)).bytes
        }
        let credentials = configuration.data + "/admin.json"
        try FirstOperator.write(server: issuer, client: admin.id, secret: secret, to: credentials)
        try await store.initialise(
            issuer: issuer.text, rootKey: rootKey.slot, term: term,
            vaultKeys: [
                Assembly.VaultKey.clientSecrets: try box(digestBytes, Assembly.VaultKey.clientSecrets),
                Assembly.VaultKey.auditHead: try box(auditBytes, Assembly.VaultKey.auditHead),
            ],
            signingKeys: [signingKey.stored], objects: [.client(admin)],
            audit: FirstOperator.events(admin: admin, signingKey: signingKey.stored, at: time),
            seal: { $0.mac(key: auditKey) }
        )
        return Installation(issuer: issuer, rootKeyWasCreated: isNewFile, credentialsFile: credentials)
    }

    /// What opens the new vault: the passphrase, else the root key file, which is made when it is missing.
    private static func rootKey(
        _ configuration: LegateConfiguration, _ passphrase: Secret?, at time: Timestamp
    ) async throws -> (HeldRootKey, isNewFile: Bool) {
        if let passphrase {
            return (try await RootKey.make(from: passphrase, cost: .standard, now: time.milliseconds), false)
        }
        let (key, isNew) = try RootKey.loadOrCreate(path: configuration.rootKey)
        return (key.inNewSlot(now: time.milliseconds), isNew)
    }
}
