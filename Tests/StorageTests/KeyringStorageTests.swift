import Foundation
import GRDB
import OAuth
import Support
import Testing
import Vault

@testable import Storage

@Suite("The keyring in storage")
struct KeyringStorageTests {
    private static let first = RootKeySlot(id: "first", kind: .file, createdAt: 16)

    /// An installation with one root key and these terms.
    private static func installation(terms: Int = 1) async throws -> Installation {
        let installation = try await Installation.open(.sqlite)
        let key = installation.auditKey
        try await installation.store.initialise(
            issuer: "https://auth.example.com", rootKey: first, term: term(1), vaultKeys: [:], signingKeys: [],
            objects: [], audit: [], seal: { $0.mac(key: key) }
        )
        for number in 1..<terms { #expect(try await installation.commit(.keyring(.addTerm(term(number + 1)))) == nil) }
        return installation
    }

    private static func term(_ number: Int, slot: String = "first") -> WrappedTerm {
        WrappedTerm(number: number, slot: slot, box: [1, UInt8(number)], createdAt: 17)
    }

    private static func box(term: UInt8, _ fill: UInt8 = 7) -> [UInt8] {
        [1, 0, 0, 0, term] + [UInt8](repeating: fill, count: 30)
    }

    private static func sqlite(_ installation: Installation) throws -> SQLiteStore {
        try #require(installation.store as? SQLiteStore)
    }

    private static func addKey(_ name: String, _ box: [UInt8], _ installation: Installation) async throws {
        try await sqlite(installation).pool.write { try VaultRecord.insert(key: box, named: name, into: $0) }
    }

    // MARK: Terms

    @Test("terms are added in order, each number once for ever")
    func terms() async throws {
        let installation = try await Self.installation(terms: 3)
        #expect(try await installation.store.keyringTerms().map(\.number) == [1, 2, 3])
        #expect(try await installation.commit(.keyring(.addTerm(Self.term(3)))) == .exists("term 3"))
        #expect(try await installation.commit(.keyring(.removeTerm(1, at: TestClock.start))) == nil)
        #expect(try await installation.commit(.keyring(.addTerm(Self.term(1)))) == .exists("term 1"))
        #expect(try await installation.commit(.keyring(.removeTerm(1, at: TestClock.start))) == .missing("term 1"))
        #expect(try await installation.reopened().store.keyringTerms().map(\.number) == [2, 3])
    }

    @Test("a term that is wrapped by a root key of before is refused")
    func staleTerm() async throws {
        let installation = try await Self.installation()
        #expect(
            try await installation.commit(.keyring(.addTerm(Self.term(2, slot: "gone")))) == .stale("keyring")
        )
    }

    @Test("a term stays while something is sealed under it; then nothing can be stored under it any more")
    func removed() async throws {
        let installation = try await Self.installation(terms: 2)
        try await Self.addKey("a", Self.box(term: 1), installation)
        let remove = Change.keyring(.removeTerm(1, at: TestClock.start))
        #expect(try await installation.commit(remove) == .stale("term 1"))
        let stored = try #require(
            try await installation.store.boxes(in: "vault_keys", under: 1, after: .min, limit: 9).first
        )
        let anew = ResealedBox(old: stored, box: Self.box(term: 2))
        #expect(try await installation.commit(.keyring(.reseal([anew]))) == nil)
        #expect(try await installation.commit(remove) == nil)
        // What was sealed before comes too late.
        let late = StoredBox(place: stored.place, row: stored.row, box: anew.box)
        await #expect(throws: (any Error).self) {
            try await Self.addKey("late", Self.box(term: 1), installation)
        }
        await #expect(throws: (any Error).self) {
            try await installation.commit(
                .keyring(.reseal([ResealedBox(old: late, box: Self.box(term: 1))]))
            )
        }
        #expect(try await installation.store.vaultKeys() == ["a": anew.box])
    }

    // MARK: Root keys

    @Test("one root key takes the place of another, with every term, in one transaction")
    func swap() async throws {
        let installation = try await Self.installation(terms: 2)
        let cost = try Argon2Cost(memoryKiB: 20_000, passes: 4, lanes: 2)
        let slot = RootKeySlot(
            id: "second", kind: .passphrase(salt: [UInt8](repeating: 9, count: 16), cost: cost), createdAt: 20
        )
        let terms = [Self.term(1, slot: "second"), Self.term(2, slot: "second")]
        let swap = RootKeySwap(slot: slot, replacing: "first", terms: terms, leftover: "first key")
        #expect(try await installation.commit(.keyring(.replaceRootKey(swap))) == nil)
        let again = try await installation.reopened()
        #expect(try await again.store.rootKeySlots() == [slot])
        #expect(try await again.store.keyringTerms() == terms)
        #expect(try await again.store.rootKeyLeftovers() == ["first key"])
        #expect(try await again.commit(.keyring(.rootKeyFilesSettled)) == nil)
        #expect(try await again.store.rootKeyLeftovers().isEmpty)
    }

    @Test("an exchange that does not know every term, or the root key that is there, changes nothing")
    func staleSwap() async throws {
        let installation = try await Self.installation(terms: 2)
        let slot = RootKeySlot(id: "second", kind: .file, createdAt: 20)
        let both = [Self.term(1, slot: "second"), Self.term(2, slot: "second")]
        for swap in [
            RootKeySwap(slot: slot, replacing: "first", terms: Array(both.dropLast()), leftover: nil),
            RootKeySwap(slot: slot, replacing: "other", terms: both, leftover: nil),
        ] {
            #expect(try await installation.commit(.keyring(.replaceRootKey(swap))) == .stale("keyring"))
        }
        #expect(try await installation.store.rootKeySlots() == [Self.first])
        #expect(try await installation.store.keyringTerms() == [Self.term(1), Self.term(2)])
    }

    @Test(
        "attack: a cost that was lowered or raised in the database is refused before any work",
        arguments: [8, 9_000_000])
    func cost(_ memory: Int) async throws {
        let installation = try await Self.installation()
        try await Self.sqlite(installation).pool.write { database in
            try database.execute(
                sql: """
                    UPDATE root_keys SET kind = 'passphrase', salt = zeroblob(16), memory_kib = \(memory), passes = 3,
                        lanes = 1
                    """
            )
        }
        await #expect(throws: VaultError.costOutOfRange("memory in KiB", Argon2Cost.memory)) {
            try await installation.store.rootKeySlots()
        }
    }

    @Test("a database of before root keys had names opens with its root key file")
    func migrated() async throws {
        let directory = try TemporaryDirectory()
        let key = directory.path + "/root.key"
        let rootKey = try RootKey.create(path: key)
        let (keyring, first) = try Keyring.create(rootKey: rootKey, now: 17)
        let (ring, second) = try keyring.addingTerm(rootKey: rootKey, now: 18)
        let path = directory.path + "/legate.db"
        let queue = try DatabaseQueue(path: path)
        try await queue.writeWithoutTransaction { database in
            try Schema.migrate(database, path: path, Array(Schema.migrations.prefix(7)))
            for term in [first, second] {
                try database.execute(
                    sql: "INSERT INTO keyring_terms (number, box, created_at) VALUES (?, ?, ?)",
                    arguments: [term.number, Data(term.box), term.createdAt]
                )
            }
        }
        try queue.close()
        let store = try await SQLiteStore.open(path: path)
        #expect(try await store.rootKeySlots() == [RootKeySlot(id: "unnamed", kind: .file, createdAt: 17)])
        let place = Place(table: "t", row: "r", purpose: "p")
        let box = try ring.seal([1, 2], at: place)
        let opened = try await KeyringOpener.unlock(
            slots: store.rootKeySlots(), terms: store.keyringTerms(), source: .file(path: key)
        )
        #expect(opened.keyring.terms == [1, 2])
        #expect(try opened.keyring.open(box, at: place) == Secret([1, 2]))
        try await store.close()
    }

    // MARK: Boxes

    @Test("boxes come in pages, one term at a time, and are counted by their terms")
    func pages() async throws {
        let installation = try await Self.installation(terms: 2)
        for number in 0..<10 {
            try await Self.addKey("key \(number)", Self.box(term: number % 2 == 0 ? 1 : 2, UInt8(number)), installation)
        }
        let secret = VaultSecret(name: LegateKit.secretName("a"), kind: .static, createdAt: Sample.time)
        let version = SecretVersion(number: 1, box: Self.box(term: 2), createdAt: Sample.time)
        try await installation.commit(.keepSecret(secret, from: nil), .addVersion(secret.name, version))
        #expect(try await installation.store.boxCounts() == [1: 5, 2: 6])
        #expect(
            try await installation.store.boxCountsByTable() == [
                1: ["vault_keys": 5], 2: ["vault_keys": 5, "secret_versions": 1],
            ]
        )
        var found: [String] = []
        var row = Int64.min
        while true {
            let page = try await installation.store.boxes(in: "vault_keys", under: 1, after: row, limit: 2)
            guard let last = page.last else { break }
            row = last.row
            found += page.map(\.place.row)
        }
        #expect(found == ["key 0", "key 2", "key 4", "key 6", "key 8"])
    }

    @Test("a box that was changed since it was read is not written over")
    func changedMeanwhile() async throws {
        let installation = try await Self.installation(terms: 2)
        try await Self.addKey("a", Self.box(term: 1), installation)
        let stored = try #require(
            try await installation.store.boxes(in: "vault_keys", under: 1, after: .min, limit: 9).first
        )
        let newer = Self.box(term: 1, 8)
        try await Self.sqlite(installation).pool.write { database in
            try database.execute(sql: "UPDATE vault_keys SET box = ?", arguments: [Data(newer)])
        }
        let anew = ResealedBox(old: stored, box: Self.box(term: 2))
        #expect(try await installation.commit(.keyring(.reseal([anew]))) == nil)
        #expect(try await installation.store.vaultKeys() == ["a": newer])
    }

    @Test("every column that holds boxes is in the list, and guarded against terms that are gone")
    func complete() async throws {
        let installation = try await Installation.open(.sqlite)
        let (columns, triggers) = try await Self.sqlite(installation).pool.read { database in
            let columns = try String.fetchAll(
                database,
                sql: """
                    SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
                    WHERE m.type = 'table' AND c.type = 'BLOB'
                    """
            )
            let triggers = try String.fetchAll(database, sql: "SELECT name FROM sqlite_master WHERE type = 'trigger'")
            return (Set(columns), Set(triggers))
        }
        // The terms themselves are wrapped by the root key, not sealed under a term.
        let known = Set(SealedTable.all.map { "\($0.name).\($0.box)" }).union(["wrapped_terms.box"])
        #expect(known.isSubset(of: columns))
        let boxes = columns.filter { $0.hasSuffix(".box") || $0.hasSuffix(".authorization") }
        #expect(boxes == known)
        for table in SealedTable.all {
            #expect(triggers.isSuperset(of: ["\(table.name)_term_insert", "\(table.name)_term_update"]))
        }
    }
}
