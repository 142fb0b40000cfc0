import Foundation
import JOSE
import OAuth
import Server
import Storage
import Vault

/// The composition root: opens what lies on disk and puts the server together.
struct Assembly {
    let store: SQLiteStore
    let server: AuthorizationServer
    let metrics: Metrics

    /// The names of the vault's own keys.
    private enum VaultKey {
        static let clientSecrets = "client-secret-digest"
        static let auditHead = "audit-head"

        static func place(of name: String) -> Place {
            Place(table: "vault_keys", row: name, version: 1, purpose: "key")
        }
    }

    /// What `init` made.
    struct Made {
        let issuer: IssuerURL
        let rootKeyWasCreated: Bool
        let credentialsFile: String
    }

    static let now: Now = { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }

    // MARK: Making

    /// Creates the database, the root key, the first signing key and the first operator; nil when all that exists.
    static func make(_ configuration: LegateConfiguration, store: SQLiteStore) async throws -> Made? {
        guard try await store.setting("issuer") == nil else { return nil }
        guard let issuer = configuration.issuer ?? IssuerURL(LegateConfiguration.defaultIssuer) else {
            throw ConfigurationError("issuer", "is required")
        }
        let (rootKey, created) = try RootKey.loadOrCreate(path: configuration.rootKey)
        let time = now()
        let (keyring, term) = try Keyring.create(rootKey: rootKey, now: time.milliseconds)
        let digestBytes = DigestKey.generateBytes()
        let auditBytes = AuditKey.generateBytes()
        let digests = DigestKey(Secret(digestBytes))
        let auditKey = AuditKey(Secret(auditBytes))
        let barrier = Barrier(keyring)
        let signingKey = try SigningKeys.make(.es256, barrier: barrier, createdAt: time, activeFrom: time)
        let (admin, secret) = try FirstOperator.make(issuer: issuer, digests: digests, at: time)

        let credentials = configuration.data + "/admin.json"
        try FirstOperator.write(server: issuer, client: admin.id, secret: secret, to: credentials)
        try await store.initialise(
            issuer: issuer.text, term: term,
            vaultKeys: [
                VaultKey.clientSecrets: try barrier.seal(digestBytes, at: VaultKey.place(of: VaultKey.clientSecrets))
                    .bytes,
                VaultKey.auditHead: try barrier.seal(auditBytes, at: VaultKey.place(of: VaultKey.auditHead)).bytes,
            ],
            signingKeys: [signingKey.stored], objects: [.client(admin)],
            audit: FirstOperator.events(admin: admin, signingKey: signingKey.stored, at: time),
            seal: { $0.mac(key: auditKey) }
        )
        return Made(issuer: issuer, rootKeyWasCreated: created, credentialsFile: credentials)
    }

    // MARK: Opening

    /// Opens what `make` made.
    init(_ configuration: LegateConfiguration, store: SQLiteStore) async throws {
        guard let stored = try await store.setting("issuer"), let issuer = IssuerURL(stored) else {
            throw ConfigurationError("data", "holds no Legate database; run legate init")
        }
        if let named = configuration.issuer, named != issuer {
            throw ConfigurationError(
                "issuer", "the data directory was made for \(issuer); tokens and clients name it, so it cannot change"
            )
        }
        let rootKey = try RootKey.load(path: configuration.rootKey)
        let barrier = Barrier(try Keyring(rootKey: rootKey, terms: try await store.keyringTerms()))
        let boxes = try await store.vaultKeys()
        func key(_ name: String) throws -> Secret {
            guard let bytes = boxes[name] else { throw ConfigurationError("data", "the vault key \(name) is missing") }
            return try barrier.open(try SealedBox(bytes: bytes), at: VaultKey.place(of: name))
        }
        let metrics = Metrics()
        let auditKey = AuditKey(try key(VaultKey.auditHead))
        // Going on from a head that is not ours would make a tampered trail look whole again.
        guard let (head, code) = try await store.auditHead(), head.matches(mac: code, key: auditKey) else {
            throw ConfigurationError(
                "data", "the head of the audit trail was not written by this server; restore the database from a backup"
            )
        }
        guard try await store.auditExtent().lastSequence <= head.sequence else {
            throw ConfigurationError(
                "data", "the audit trail holds records behind its head that this server did not write; restore a backup"
            )
        }
        let snapshot = try await store.load(at: Self.now())
        let fetcher = GuardedFetcher(allowsLoopback: issuer.isLoopback)
        self.store = store
        self.metrics = metrics
        server = try AuthorizationServer(
            AuthorizationServer.Foundations(
                issuer: issuer, store: store, snapshot: snapshot, barrier: barrier,
                digestKey: DigestKey(try key(VaultKey.clientSecrets)), auditKey: auditKey,
                fetcher: fetcher, courier: fetcher, now: Self.now,
                observer: { metrics.batch(size: $0, duration: $1) },
                statusListLifetime: configuration.statusListTTL
            )
        )
    }

    static func databasePath(_ configuration: LegateConfiguration) -> String { configuration.data + "/legate.db" }
}

/// The operator that exists before anyone can register one.
private enum FirstOperator {
    static func make(issuer: IssuerURL, digests: DigestKey, at time: Timestamp) throws -> (Client, secret: String) {
        let own = OwnResources(issuer: issuer)
        let secret = ClientSecret.generate()
        let id = ClientID.make()
        guard let scopes = ScopeSet(OwnResources.adminScopes) else {
            throw ConfigurationError("issuer", "the operator's scopes are not acceptable")
        }
        let client = Client(
            id: id, name: "first operator", kind: .admin,
            secrets: [SecretDigest(digest: digests.digest(of: secret, context: id.text))], scopes: scopes,
            resources: [own.admin.uri], purpose: "made by legate init", createdAt: time
        )
        return (client, secret)
    }

    /// The credentials file, readable by its owner alone from the first byte on.
    static func write(server: IssuerURL, client: ClientID, secret: String, to path: String) throws {
        let document: JSONObject = [
            "server": .string(server.text), "client_id": .string(client.text), "client_secret": .string(secret),
        ]
        try? FileManager.default.removeItem(atPath: path)
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: Data((JSON.object(document).pretty() + "\n").utf8),
            attributes: [.posixPermissions: 0o600]
        )
        guard isWritten else { throw ConfigurationError("data", "cannot write \(path)") }
    }

    static func events(admin: Client, signingKey: StoredSigningKey, at time: Timestamp) -> [AuditEvent] {
        func event(_ name: AuditEvent.Name, _ target: String, after: JSONObject) -> AuditEvent {
            var event = AuditEvent(timestamp: time.milliseconds, name: name, decision: .allow)
            event.apiEndpoint = "legate init"
            event.target = target
            event.after = JSON.object(after).text
            event.policyEvaluation = .init(verdict: "permit", rule: "init", reason: nil)
            return event
        }
        return [
            event(.clientCreated, "client/\(admin.id)", after: admin.document(at: time)),
            event(
                .keyCreated, "key/\(signingKey.keyID)",
                after: ["kid": .string(signingKey.keyID), "alg": .string(signingKey.algorithm)]
            ),
        ]
    }
}
