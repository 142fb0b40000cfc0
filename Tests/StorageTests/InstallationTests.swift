import JOSE
import OAuth
import Storage
import Support
import Testing
import Vault

@Suite("A data directory")
struct InstallationTests {
    private static let rootKey = RootKeySlot(id: "first", kind: .file, createdAt: 16)
    private static let term = WrappedTerm(number: 1, slot: "first", box: [1, 2, 3], createdAt: 17)

    private static func initialise(_ installation: Installation, objects: [RegistryObject] = []) async throws {
        let key = installation.auditKey
        try await installation.store.initialise(
            issuer: "https://auth.example.com", rootKey: rootKey, term: term,
            vaultKeys: ["audit-head": [4, 5], "client-secret-digest": [6]],
            signingKeys: [Sample.signingKey()], objects: objects, audit: [Sample.fullEvent, Sample.bareEvent],
            seal: { $0.mac(key: key) }
        )
    }

    @Test("initialising stores everything that a server begins with", arguments: Engine.allCases)
    func initialised(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        #expect(try await installation.store.setting("issuer") == nil)
        try await Self.initialise(installation, objects: [.client(Sample.client()), .resource(Sample.resource())])
        let again = try await installation.reopened()
        #expect(try await again.store.settings() == ["issuer": "https://auth.example.com"])
        #expect(try await again.store.keyringTerms() == [Self.term])
        #expect(try await again.store.rootKeySlots() == [Self.rootKey])
        #expect(try await again.store.vaultKeys() == ["audit-head": [4, 5], "client-secret-digest": [6]])
        let snapshot = try await again.load()
        #expect(snapshot.clients == [Sample.client()] && snapshot.resources == [Sample.resource()])
        #expect(snapshot.signingKeys == [Sample.signingKey()])
        let stored = try #require(await again.store.auditHead())
        #expect(stored.head.sequence == 2 && stored.head.matches(mac: stored.code, key: installation.auditKey))
        #expect(try await again.verification().valid)
    }

    @Test("a database is initialised once, and wholly or not at all", arguments: Engine.allCases)
    func once(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        await #expect(throws: (any Error).self) {
            try await Self.initialise(installation, objects: [.client(Sample.client()), .client(Sample.client())])
        }
        #expect(try await installation.store.setting("issuer") == nil)
        #expect(try await installation.store.keyringTerms().isEmpty)
        #expect(try await installation.load().signingKeys.isEmpty)
        #expect(try await installation.store.auditHead() == nil)
        try await Self.initialise(installation)
        await #expect(throws: StorageError.alreadyInitialised) { try await Self.initialise(installation) }
    }

    @Test("settings are set and replaced", arguments: Engine.allCases)
    func settings(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.store.setSetting("colour", to: "red")
        try await installation.store.setSetting("colour", to: "")
        #expect(try await installation.store.setting("colour")?.isEmpty == true)
    }

    @Test("a second process on the same directory is refused until the first has closed", arguments: Engine.allCases)
    func secondProcess(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        await #expect(throws: StorageError.inUse(directory: installation.directory.path)) {
            try await engine.open(at: installation.directory.path)
        }
        try await installation.store.close()
        let second = try await engine.open(at: installation.directory.path)
        #expect(await second.isWritable())
        try await second.close()
    }

    @Test("a closed store answers no more, and closing it twice is harmless", arguments: Engine.allCases)
    func closed(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        #expect(await installation.store.isWritable())
        try await installation.store.close()
        try await installation.store.close()
        await #expect(throws: (any Error).self) { try await installation.commit(.revoke(Sample.revocation(1))) }
        await #expect(throws: (any Error).self) { try await installation.load() }
    }
}
