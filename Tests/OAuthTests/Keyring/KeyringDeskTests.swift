import FoundationEssentials
import JOSE
import Support
import Testing
import Vault

@testable import OAuth

// One after the other: all of them would not find room among the derivations.
@Suite("Changing the keys of the vault", .serialized)
struct KeyringDeskTests {
    /// A kit whose root key lies in a file, and a desk that waits for nothing.
    private struct Keys {
        let kit: LegateKit
        let desk: KeyringDesk
        let directory: TemporaryDirectory
        var path: String { directory.path + "/root.key" }

        init() async throws {
            kit = try await LegateKit.start()
            directory = try TemporaryDirectory()
            desk = KeyringDesk(
                barrier: kit.barrier, store: kit.store, ledger: kit.server.ledger,
                rootKeyPath: directory.path + "/root.key", now: kit.clock.now, alarm: kit.server.boxAlarm,
                grace: .zero
            )
        }

        /// The keyring as a start of the server would open it.
        func opened(_ source: RootKeySource) async throws -> Keyring {
            try await KeyringOpener.open(
                slots: try await kit.store.rootKeySlots(), terms: try await kit.store.keyringTerms(),
                source: source
            )
        }

        func events(_ name: AuditEvent.Name) async throws -> [AuditEvent] {
            try await kit.records().map(\.event).filter { $0.name == name }
        }
    }

    private static let passphrase = Secret(Array("correct horse battery staple".utf8))

    private static func target() throws -> RekeyTarget {
        .passphrase(passphrase, try Argon2Cost(memoryKiB: 19_456, passes: 2))
    }

    // MARK: Terms

    @Test("a new term seals from the moment it is durable; what was sealed before opens as before")
    func rotate() async throws {
        let keys = try await Keys()
        let kit = keys.kit
        try await kit.keep("db/password", "old", readers: [kit.planner])
        let status = try await keys.desk.rotate(by: kit.admin())
        #expect(kit.barrier.keyring.terms == [1, 2])
        #expect(status["terms"]?.array?.count == 2)
        #expect(status["terms"]?.array?.last?.object?["active"] == true)
        let old = status["terms"]?.array?.first?.object
        #expect(old?["boxes_by_table"]?.object?["secret_versions"] == 1)
        try await kit.keep("db/other", "new", readers: [kit.planner])
        let box = try #require(try await kit.store.secretBox(of: LegateKit.secretName("db/other"), version: 1))
        #expect(try SealedBox(bytes: box).term == 2)
        let again = try await kit.restarted()
        #expect(again.barrier.keyring.terms == [1, 2])
        #expect(try await again.read("db/password", as: kit.planner) == "old")
        #expect(try await again.read("db/other", as: kit.planner) == "new")
        let event = try #require(try await again.records().map(\.event).last { $0.name == .vaultRotated })
        #expect(event.target == "vault/terms/2" && event.clientID == kit.world.admin.id.text)
    }

    @Test("everything that is sealed is sealed anew, and then the old term goes")
    func reseal() async throws {
        let keys = try await Keys()
        let kit = keys.kit
        for number in 0..<300 { try await kit.keep("many/\(number)", "value \(number)", readers: [kit.planner]) }
        let draft: JSONObject = ["endpoint": "https://siem.example.com/e", "authorization_header": "Bearer s3cret"]
        let receiver = try #require(try await kit.create(.receiver, draft).created as? EventReceiver)
        try await keys.desk.rotate(by: kit.admin())
        #expect(try await kit.store.boxCounts()[1] ?? 0 > 300)
        // It waits while there is something to do.
        #expect(try await keys.desk.resealer.removeTerms() == false)
        try await keys.desk.resealer.pass()
        #expect(try await kit.store.boxCounts().keys.sorted() == [2])
        #expect(try await keys.desk.resealer.removeTerms())
        #expect(kit.barrier.keyring.terms == [2])
        #expect(try await kit.store.keyringTerms().map(\.number) == [2])
        #expect(try await keys.events(.termRemoved).map(\.target) == ["vault/terms/1"])
        // What lies in memory was kept up to date.
        let held = try #require(kit.server.registry.eventReceiver(receiver.id))
        let custodian = KeyCustodian(keys: kit.server.keys, barrier: kit.barrier)
        #expect(try custodian.authorization(of: held) == Secret(Array("Bearer s3cret".utf8)))
        #expect(try await kit.read("many/7", as: kit.planner) == "value 7")
        let again = try await kit.restarted()
        #expect(try await again.read("many/299", as: kit.planner) == "value 299")
        #expect(again.server.registry.eventReceiver(receiver.id) == held)
        _ = try await again.token(again.planner, for: World.calendar, scope: "calendar.read")
    }

    @Test("an old term stays for a while when nothing is under it any more: somebody may still hold one of its boxes")
    func grace() async throws {
        let kit = try await LegateKit.start()
        let desk = kit.server.keyringDesk
        _ = try await desk.rotate(by: kit.admin())
        try await desk.resealer.pass()
        #expect(try await desk.resealer.removeTerms() == false)
        #expect(kit.barrier.keyring.terms == [1, 2])
    }

    @Test("readers never see an error while everything is sealed anew and the old terms go")
    func readersDuringRotation() async throws {
        let keys = try await Keys()
        let kit = keys.kit
        for number in 0..<40 { try await kit.keep("r/\(number)", "value \(number)", readers: [kit.planner]) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for reader in 0..<4 {
                group.addTask {
                    for round in 0..<25 {
                        let number = (reader * 11 + round) % 40
                        let value = try await kit.read("r/\(number)", as: kit.planner)
                        #expect(value == "value \(number)")
                    }
                }
            }
            group.addTask {
                for _ in 0..<3 {
                    _ = try await keys.desk.rotate(by: kit.admin())
                    try await keys.desk.resealer.pass()
                }
            }
            try await group.waitForAll()
        }
        #expect(try await keys.desk.resealer.removeTerms())
        #expect(kit.barrier.keyring.terms == [4])
    }

    @Test("a box that does not open is reported once, left as it is, and keeps its term")
    func damaged() async throws {
        let keys = try await Keys()
        let kit = keys.kit
        try await kit.keep("good", "value", readers: [kit.planner])
        try await kit.keep("bad", "value", readers: [kit.planner])
        let name = LegateKit.secretName("bad")
        // A bit of the stored box turns.
        let stored = try #require(
            try await kit.store.boxes(in: "secret_versions", under: 1, after: .min, limit: 9)
                .first { $0.place.row == "bad" }
        )
        var box = stored.box
        box[box.count - 1] ^= 1
        try await kit.server.ledger.commit(
            Entry(changes: [.keyring(.reseal([ResealedBox(old: stored, box: box)]))])
        )
        try await keys.desk.rotate(by: kit.admin())
        try await keys.desk.resealer.pass()
        try await keys.desk.resealer.pass()
        #expect(try await keys.desk.resealer.removeTerms(), "there is nothing that could be done soon")
        #expect(kit.barrier.keyring.terms == [1, 2])
        #expect(try await kit.store.secretBox(of: name, version: 1) == box)
        #expect(try await kit.store.boxCounts()[1] == 1)
        let events = try await keys.events(.boxRefused)
        #expect(events.count == 1 && events.first?.decision == .deny)
        #expect(events.first?.target == "secret_versions/bad/versions/1")
        let status = try await keys.desk.status(for: kit.admin())
        #expect(status["unreadable"]?.array?.compactMap(\.string) == ["secret_versions/bad version 1 (secret value)"])
        #expect(status["pending"]?.object?["boxes_to_reseal"]?.integer == 0)
        #expect(try await kit.read("good", as: kit.planner) == "value")
    }

    // MARK: Root keys

    @Test("with a passphrase the old root key opens nothing, its file is gone, and the passphrase opens everything")
    func passphrase() async throws {
        let keys = try await Keys()
        let kit = keys.kit
        try await kit.keep("db/password", "value", readers: [kit.planner])
        let status = try await keys.desk.rekey(to: try Self.target(), by: kit.admin())
        #expect(status["root_keys"]?.array?.count == 1)
        let slot = try #require(status["root_keys"]?.array?.first?.object)
        #expect(slot["kind"]?.string == "passphrase")
        #expect(slot["argon2"]?.object?["memory_kib"]?.integer == 19_456)
        #expect(status["pending"]?.object?["rekey"] == false)
        let ring = try await keys.opened(.passphrase(Self.passphrase))
        let name = LegateKit.secretName("db/password")
        let box = try #require(try await kit.store.secretBox(of: name, version: 1))
        let place = VaultSecret.place(of: name, version: 1)
        #expect(try ring.open(SealedBox(bytes: box), at: place) == Secret(Array("value".utf8)))
        await #expect(throws: VaultError.passphraseNeeded) { try await keys.opened(.file(path: keys.path)) }
        #expect(try await kit.read("db/password", as: kit.planner) == "value", "nothing was sealed or closed")
        // A later term is wrapped by the passphrase.
        try await keys.desk.rotate(by: kit.admin())
        #expect(try await keys.opened(.passphrase(Self.passphrase)).terms == [1, 2])
    }

    @Test("from a passphrase to a file, and on to another file")
    func file() async throws {
        let keys = try await Keys()
        _ = try await keys.desk.rekey(to: try Self.target(), by: keys.kit.admin())
        _ = try await keys.desk.rekey(to: .newFile, by: keys.kit.admin())
        let first = try RootKey.load(path: keys.path).fingerprint
        #expect(try await keys.opened(.file(path: keys.path)).terms == [1])
        await #expect(throws: VaultError.rootKeyFileNeeded) {
            try await keys.opened(.passphrase(Self.passphrase))
        }
        let own = RootKey.generate()
        _ = try await keys.desk.rekey(to: .rootKey(own), by: keys.kit.admin())
        #expect(try RootKey.load(path: keys.path).fingerprint == own.fingerprint && own.fingerprint != first)
        #expect(!FileManager.default.fileExists(atPath: keys.path + ".next"))
        #expect(try await keys.opened(.file(path: keys.path)).terms == [1])
        #expect(try await keys.kit.store.rootKeyLeftovers().isEmpty)
        let events = try await keys.events(.vaultRekeyed)
        #expect(events.count == 3 && events.allSatisfy { $0.before != nil && $0.after != nil })
    }

    @Test("the same passphrase can be made to cost more")
    func raisedCost() async throws {
        let keys = try await Keys()
        _ = try await keys.desk.rekey(to: try Self.target(), by: keys.kit.admin())
        let raised = try Argon2Cost(memoryKiB: 32_768, passes: 2)
        _ = try await keys.desk.rekey(to: .passphrase(Self.passphrase, raised), by: keys.kit.admin())
        #expect(try await keys.opened(.passphrase(Self.passphrase)).terms == [1])
        let slot = try #require(try await keys.kit.store.rootKeySlots().first)
        guard case .passphrase(_, let cost) = slot.kind else { throw VaultError.passphraseNeeded }
        #expect(cost == raised)
    }

    @Test("what was sealed while the root key was exchanged opens after it, under the same term")
    func concurrentWrites() async throws {
        let keys = try await Keys()
        let kit = keys.kit
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await keys.desk.rekey(to: try Self.target(), by: kit.admin()) }
            group.addTask {
                for number in 0..<20 { try await kit.keep("w/\(number)", "\(number)", readers: [kit.planner]) }
            }
            try await group.waitForAll()
        }
        for number in 0..<20 { #expect(try await kit.read("w/\(number)", as: kit.planner) == "\(number)") }
    }

    // MARK: Refusals

    @Test("without the scope nothing is shown or changed")
    func scope() async throws {
        let keys = try await Keys()
        let stranger = keys.kit.admin("clients:write")
        await #expect(throws: OAuthError.self) { try await keys.desk.rotate(by: stranger) }
        await #expect(throws: OAuthError.self) { try await keys.desk.rekey(to: .newFile, by: stranger) }
        await #expect(throws: OAuthError.self) { try await keys.desk.status(for: stranger) }
        #expect(try await keys.kit.store.keyringTerms().count == 1)
    }

    @Test("the root key that is in use is not another one")
    func sameKey() async throws {
        let keys = try await Keys()
        let own = RootKey.generate()
        // The kit's root key is in no file, so that there is nothing in the way.
        _ = try await keys.desk.rekey(to: .rootKey(own), by: keys.kit.admin())
        await #expect(throws: KeyringRefusal.sameRootKey) {
            try await keys.desk.rekey(to: .rootKey(own), by: keys.kit.admin())
        }
        #expect(try RootKey.load(path: keys.path).fingerprint == own.fingerprint)
    }

    @Test("a file that is not this vault's is not written over, and nothing changes")
    func fileInTheWay() async throws {
        let keys = try await Keys()
        let stranger = try RootKey.create(path: keys.path)
        await #expect(throws: KeyringRefusal.fileInTheWay) {
            try await keys.desk.rekey(to: .newFile, by: keys.kit.admin())
        }
        #expect(try RootKey.load(path: keys.path).fingerprint == stranger.fingerprint)
        #expect(try await keys.kit.store.rootKeySlots().map(\.id) == [keys.kit.barrier.rootKey?.slot.id])
        #expect(try await keys.events(.vaultRekeyed).isEmpty)
    }

    @Test("when the change cannot be stored, the old root key goes on opening the vault")
    func storageFails() async throws {
        let keys = try await Keys()
        let before = try #require(keys.kit.barrier.rootKey)
        keys.kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) {
            try await keys.desk.rekey(to: .newFile, by: keys.kit.admin())
        }
        await #expect(throws: LedgerUnavailable.self) { try await keys.desk.rotate(by: keys.kit.admin()) }
        keys.kit.store.fail(false)
        #expect(keys.kit.barrier.rootKey?.fingerprint == before.fingerprint)
        #expect(keys.kit.barrier.keyring.terms == [1])
        // It can be tried again.
        _ = try await keys.desk.rekey(to: .newFile, by: keys.kit.admin())
        #expect(try await keys.opened(.file(path: keys.path)).terms == [1])
    }

    @Test("after an exchange of which nobody knows how it ended, no key file is touched before the next start")
    func unknownEnd() async throws {
        let keys = try await Keys()
        let present = try #require(keys.kit.barrier.rootKey)
        // The database took another root key, and this server was not told.
        let next = try RootKey.create(path: keys.path + ".next").inNewSlot(now: 5)
        let swap = RootKeySwap(
            slot: next.slot, replacing: present.slot.id, terms: try keys.kit.barrier.keyring.wrapped(by: next),
            leftover: present.fingerprint
        )
        try await keys.kit.server.ledger.commit(Entry(changes: [.keyring(.replaceRootKey(swap))]))
        await #expect(throws: KeyringRefusal.restartNeeded) {
            try await keys.desk.rekey(to: .newFile, by: keys.kit.admin())
        }
        await #expect(throws: KeyringRefusal.restartNeeded) { try await keys.desk.rotate(by: keys.kit.admin()) }
        #expect(try RootKey.load(path: keys.path + ".next").fingerprint == next.fingerprint)
        #expect(try await keys.opened(.file(path: keys.path)).terms == [1])
    }

    @Test("one change at a time")
    func busy() async throws {
        let keys = try await Keys()
        keys.kit.store.hold()
        let first = Task { try await keys.desk.rotate(by: keys.kit.admin()) }
        try await keys.kit.store.waitUntilHeld()
        await #expect(throws: KeyringRefusal.busy) { try await keys.desk.rotate(by: keys.kit.admin()) }
        await #expect(throws: KeyringRefusal.busy) {
            try await keys.desk.rekey(to: .newFile, by: keys.kit.admin())
        }
        keys.kit.store.release()
        _ = try await first.value
        #expect(keys.kit.barrier.keyring.terms == [1, 2])
    }

    @Test("a vault whose keys were forgotten changes nothing")
    func sealed() async throws {
        let keys = try await Keys()
        keys.kit.barrier.replace(.forgotten)
        await #expect(throws: KeyringRefusal.sealed) { try await keys.desk.rotate(by: keys.kit.admin()) }
        await #expect(throws: KeyringRefusal.sealed) {
            try await keys.desk.rekey(to: .newFile, by: keys.kit.admin())
        }
    }
}
