import FoundationEssentials
import JOSE
package import OAuth
package import Storage
package import Vault

/// A whole authorization server over a real database in a directory of its own, with the people around it.
///
///     let kit = try await LegateKit.start()
///     let token = try await kit.token(kit.planner, for: World.calendar, scope: "calendar.read")
///
/// The clock stands still; `kit.clock` moves it. `restarted()` closes the database and opens it again, as a new
/// process would.
package struct LegateKit: Sendable {
    package let issuer: IssuerURL
    package let clock: TestClock
    package let fetcher: StubFetcher
    package let courier: StubCourier
    /// What rang since this start.
    package let alarms: HeardAlarms
    package let corp: IdentityProvider
    package let world: World
    package let store: ControlledStore
    package let database: SQLiteStore
    package let server: AuthorizationServer
    package let auditKey: AuditKey
    package let digests: DigestKey
    package let barrier: Barrier
    private let directory: TemporaryDirectory
    private let rootKey: RootKey

    package static let defaultIssuer = "https://auth.example.com"

    package var planner: Party { world.planner }
    package var worker: Party { world.worker }
    package var signer: Party { world.signer }
    package var runner: Party { world.runner }
    package var gateway: Party { world.gateway }
    package var calendarAPI: Party { world.calendarAPI }
    package var auditor: Party { world.auditor }

    /// Makes the database and starts.
    package static func start(
        issuer text: String = LegateKit.defaultIssuer, clock: TestClock = TestClock()
    ) async throws -> LegateKit {
        guard let issuer = IssuerURL(text), let corpURL = IssuerURL("https://idp.example.com"),
            let corpName = IssuerName("corp")
        else { throw NotAnIssuer(text: text) }
        let directory = try TemporaryDirectory()
        let rootKey = RootKey.generate()
        let time = clock.time
        let (keyring, term) = try Keyring.create(rootKey: rootKey, now: time.milliseconds)
        let barrier = Barrier(keyring)
        let digestBytes = DigestKey.generateBytes()
        let auditBytes = AuditKey.generateBytes()
        let auditKey = AuditKey(Secret(auditBytes))
        let corp = IdentityProvider(name: corpName, url: corpURL, clock: clock)
        let world = try World(issuer: issuer, corp: corp, digests: DigestKey(Secret(digestBytes)), at: time)
        let signingKey = try SigningKeys.make(.es256, barrier: barrier, createdAt: time, activeFrom: time)

        let database = try await SQLiteStore.open(path: directory.path + "/legate.db")
        try await database.initialise(
            issuer: issuer.text, rootKey: rootKey.inNewSlot(now: time.milliseconds).slot, term: term,
            vaultKeys: [
                digestKeyName: try barrier.seal(digestBytes, at: place(of: digestKeyName)).bytes,
                auditKeyName: try barrier.seal(auditBytes, at: place(of: auditKeyName)).bytes,
            ],
            signingKeys: [signingKey.stored], objects: world.objects,
            audit: world.objects.map { object in
                let thing = object.registered
                var event = AuditEvent(timestamp: time.milliseconds, name: created(object), decision: .allow)
                event.target = "\(type(of: thing).kind.rawValue)/\(thing.identifier)"
                event.after = thing.document(at: time).text
                return event
            },
            seal: { $0.mac(key: auditKey) }
        )
        return try await open(
            database, in: directory, rootKey: rootKey, issuer: issuer, clock: clock, fetcher: StubFetcher(), corp: corp,
            world: world
        )
    }

    /// Stops, as if the process had ended, and starts again on the same directory.
    package func restarted() async throws -> LegateKit {
        try await database.close()
        let again = try await SQLiteStore.open(path: directory.path + "/legate.db")
        return try await Self.open(
            again, in: directory, rootKey: rootKey, issuer: issuer, clock: clock, fetcher: fetcher, corp: corp,
            world: world, courier: courier
        )
    }

    /// The same installation put together again over the open database, as when a vault is unsealed.
    package func unsealed() async throws -> LegateKit {
        try await Self.open(
            database, in: directory, rootKey: rootKey, issuer: issuer, clock: clock, fetcher: fetcher, corp: corp,
            world: world, courier: courier
        )
    }

    /// Everything comes back from the database alone, but for the root key.
    private static func open(
        _ database: SQLiteStore, in directory: TemporaryDirectory, rootKey: RootKey, issuer: IssuerURL,
        clock: TestClock, fetcher: StubFetcher, corp: IdentityProvider, world: World,
        courier: StubCourier = StubCourier()
    ) async throws -> LegateKit {
        let barrier = Barrier(
            try Keyring(rootKey: rootKey, terms: try await database.keyringTerms()),
            rootKey: rootKey.inNewSlot(now: clock.time.milliseconds)
        )
        let boxes = try await database.vaultKeys()
        func key(_ name: String) throws -> Secret {
            try barrier.open(try SealedBox(bytes: boxes[name] ?? []), at: place(of: name))
        }
        let digests = DigestKey(try key(digestKeyName))
        let auditKey = AuditKey(try key(auditKeyName))
        let store = ControlledStore(database)
        let alarms = HeardAlarms()
        var foundations = AuthorizationServer.Foundations(
            issuer: issuer, store: store,
            snapshot: try await database.load(at: clock.time.adding(seconds: -clock.afterlife)), barrier: barrier,
            digestKey: digests, auditKey: auditKey, fetcher: fetcher, courier: courier, now: clock.now,
            bell: { alarms.hear($0) }
        )
        foundations.uptime = clock.uptime
        foundations.afterlife = clock.afterlife
        let server = try AuthorizationServer(foundations)
        return LegateKit(
            issuer: issuer, clock: clock, fetcher: fetcher, courier: courier, alarms: alarms, corp: corp,
            world: world, store: store, database: database, server: server, auditKey: auditKey, digests: digests,
            barrier: barrier, directory: directory, rootKey: rootKey
        )
    }

    /// Where the database is.
    package var databasePath: String { directory.path + "/legate.db" }

    private static let digestKeyName = "client-secret-digest"
    private static let auditKeyName = "audit-head"

    private static func place(of name: String) -> Place { Place(table: "vault_keys", row: name, purpose: "key") }

    private static func created(_ object: RegistryObject) -> AuditEvent.Name {
        switch object {
        case .client: .clientCreated
        case .resource: .resourceCreated
        case .issuer: .issuerTrusted
        case .rule: .ruleCreated
        case .delegation: .delegationCreated
        case .receiver: .receiverCreated
        }
    }

    private struct NotAnIssuer: Error { let text: String }
}

/// A directory that is gone when nobody holds it any more.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.path + "/legate-" + Unguessable.text(bytes: 10)
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700]
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
