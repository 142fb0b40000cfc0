import Foundation
import JOSE
import Logging
import OAuth
import Server
import Storage
import Vault

/// The composition root: opens what lies on disk and puts the server together, at the start and whenever the vault is
/// unsealed.
struct Assembly: ServerOpener {
    let configuration: LegateConfiguration
    let store: SQLiteStore
    let metrics: Metrics
    let logger: Logger
    private let issuer: IssuerURL

    /// The names of the vault's own keys.
    enum VaultKey {
        static let clientSecrets = "client-secret-digest"
        static let auditHead = "audit-head"

        static func place(of name: String) -> Place {
            Place(table: "vault_keys", row: name, version: 1, purpose: "key")
        }
    }

    static let now: Now = { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }

    /// Seconds for which tombstones and the like are kept when they have expired: a clock that is set back by an hour
    /// revives nothing.
    private static let afterlife = 3900

    static func databasePath(_ configuration: LegateConfiguration) -> String { configuration.data + "/legate.db" }

    init(_ configuration: LegateConfiguration, store: SQLiteStore, metrics: Metrics, logger: Logger) async throws {
        guard let stored = try await store.setting("issuer"), let issuer = IssuerURL(stored) else {
            throw ConfigurationError("data", "holds no Legate database; run legate init")
        }
        if let named = configuration.issuer, named != issuer {
            throw ConfigurationError(
                "issuer", "the data directory was made for \(issuer); tokens and clients name it, so it cannot change"
            )
        }
        self.configuration = configuration
        self.store = store
        self.metrics = metrics
        self.logger = logger
        self.issuer = issuer
    }

    // MARK: Sealed

    func needsPassphrase() async throws -> Bool {
        try await store.rootKeySlots().allSatisfy(\.isPassphrase)
    }

    /// A server with resources and nothing else, whose keys open nothing: only its documents are taken.
    func face() async throws -> PublicFace {
        let (keyring, _) = try Keyring.create(rootKey: .generate(), now: Self.now().milliseconds)
        let keyless = try AuthorizationServer(
            foundations(
                try await store.publicSnapshot(), barrier: Barrier(keyring),
                digestKey: DigestKey(Secret(DigestKey.generateBytes())),
                auditKey: AuditKey(Secret(AuditKey.generateBytes()))
            )
        )
        return PublicFace(of: keyless, keys: PublicHalves(try await store.signingKeys()))
    }

    // MARK: Unsealed

    func open(passphrase: Secret?) async throws -> OpenedServer {
        let opened = try await unlock(passphrase)
        let barrier = Barrier(opened)
        let boxes = try await store.vaultKeys()
        func key(_ name: String) throws -> Secret {
            guard let bytes = boxes[name] else { throw ConfigurationError("data", "the vault key \(name) is missing") }
            return try barrier.open(try SealedBox(bytes: bytes), at: VaultKey.place(of: name))
        }
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
        let server = try AuthorizationServer(
            foundations(
                try await store.load(at: Self.now().adding(seconds: -Self.afterlife)), barrier: barrier,
                digestKey: DigestKey(try key(VaultKey.clientSecrets)), auditKey: auditKey
            )
        )
        try await checkPublicHalves(of: server)
        // The root key is proven: what a crash left of an exchange can be finished.
        try RootKeyFile(path: configuration.rootKey)
            .settle(opened.rootKey, leftovers: try await store.rootKeyLeftovers())
        try await store.settleRootKeyFiles()
        return OpenedServer(server, barrier: barrier, services: services(of: server))
    }

    private func unlock(_ passphrase: Secret?) async throws -> KeyringOpener.Opened {
        let source = passphrase.map(RootKeySource.passphrase) ?? .file(path: configuration.rootKey)
        let slots = try await store.rootKeySlots()
        let terms = try await store.keyringTerms()
        // The errors' type is forgotten here: the compiler ends with a fault when it tells these apart by it.
        do throws(any Error) {
            return try await KeyringOpener.unlock(slots: slots, terms: terms, source: source)
        } catch VaultError.wrongPassphrase {
            throw UnsealFailure.wrongPassphrase
        } catch VaultError.busy {
            throw UnsealFailure.busy
        }
    }

    private func foundations(
        _ snapshot: Snapshot, barrier: Barrier, digestKey: DigestKey, auditKey: AuditKey
    ) -> AuthorizationServer.Foundations {
        let fetcher = GuardedFetcher(
            allowsLoopback: issuer.isLoopback, trustDirectory: configuration.trustFiles
        )
        let metrics = metrics
        var foundations = AuthorizationServer.Foundations(
            issuer: issuer, store: store, snapshot: snapshot, barrier: barrier, digestKey: digestKey,
            auditKey: auditKey, fetcher: fetcher, courier: fetcher, now: Self.now,
            observer: { metrics.batch(size: $0, duration: $1) }, statusListLifetime: configuration.statusListTTL,
            bell: AlarmLog.bell(metrics, logger), rootKeyPath: configuration.rootKey,
            keySchedule: KeySchedule(period: configuration.keyRotation)
        )
        foundations.wantsDPoPNonce = configuration.wantsDPoPNonce
        foundations.certificateOrigin = configuration.mutualTLS.baseURL(for: issuer)
        foundations.uptime = systemUptime()
        foundations.afterlife = Self.afterlife
        return foundations
    }

    /// What a sealed server published must have been ours; what it could not publish so far, it can from now on.
    private func checkPublicHalves(of server: AuthorizationServer) async throws {
        var missing: [String: String] = [:]
        for (held, _) in server.keys.all(at: Self.now()) {
            let own = JSON.object(held.key.publicKey.json).text
            guard let stored = held.stored.publicKey else {
                missing[held.stored.keyID] = own
                continue
            }
            guard stored == own else {
                throw ConfigurationError(
                    "data",
                    "the public half of the signing key \(held.stored.keyID) was changed in the database, so a sealed server "
                        + "may have published a key of somebody else: restore the database from a backup"
                )
            }
        }
        try await store.keepPublicKeys(missing)
    }

    /// Everything that runs beside the requests for as long as the vault is open. One line for each.
    private func services(of server: AuthorizationServer) -> [BackgroundService] {
        [
            BackgroundService("re-sealing") { await BackgroundWork.resealing(server, logger) },
            BackgroundService("heartbeat") { await BackgroundWork.heartbeat(server) },
            BackgroundService("housekeeping") {
                await BackgroundWork.housekeeping(server, configuration.auditRetention, logger)
            },
            BackgroundService("event delivery") { await BackgroundWork.eventDelivery(server, logger) },
            BackgroundService("lease ending") { await server.leaseSweep.run() },
            BackgroundService("signing keys") { await BackgroundWork.signingKeys(server, logger) },
            BackgroundService("SPIFFE bundles") { await BackgroundWork.bundles(server, logger) },
            BackgroundService("rotation") { await BackgroundWork.rotation(server, logger) },
            BackgroundService("connections") { await BackgroundWork.connections(server) },
        ]
    }
}
