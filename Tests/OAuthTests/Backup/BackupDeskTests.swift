import JOSE
import Support
import Synchronization
import Testing
import Vault

@testable import OAuth

@Suite("Backups")
struct BackupDeskTests {
    private func manager(_ kit: LegateKit) -> Operator { kit.keeper(BackupDesk.scope) }

    private func whole(_ backup: Backup) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        try await backup.write { bytes += $0 }
        return bytes
    }

    /// The files of a backup, as only the keyring opens it.
    private func files(_ bytes: [UInt8], _ keyring: Keyring) throws -> [String: [UInt8]] {
        let preamble = Array(bytes.prefix(BackupHeader.preambleLength))
        let length = try BackupHeader.length(after: preamble)
        let json = Array(bytes.dropFirst(preamble.count).prefix(length))
        let header = try BackupHeader(preamble: preamble, json: json)
        #expect(header.fileLength == Int64(bytes.count))
        var opener = try header.opener(with: keyring)
        var content = try opener.open(Array(bytes.dropFirst(preamble.count + length)))
        content += try opener.finish()
        #expect(Int64(content.count) == header.contentSize)
        let listed = content.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        var rest = content.dropFirst(4)
        let manifest = try BackupManifest(parsing: Array(rest.prefix(listed)))
        rest = rest.dropFirst(listed)
        var files: [String: [UInt8]] = [:]
        for file in manifest.files {
            files[file.name] = Array(rest.prefix(Int(file.size)))
            rest = rest.dropFirst(Int(file.size))
        }
        #expect(rest.isEmpty)
        return files
    }

    @Test("a backup holds the database as it was, with the record of itself, and nothing of it in plain")
    func content() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a/b", "recognisable plaintext")
        let backup = try await kit.server.backupDesk.begin(by: manager(kit))
        let bytes = try await whole(backup)
        #expect(Int64(bytes.count) == backup.length)
        let database = try #require(try files(bytes, kit.barrier.keyring)["legate.db"])
        let text = String(decoding: database, as: UTF8.self)
        #expect(text.hasPrefix("SQLite format 3"))
        #expect(text.contains("vault.backed_up") && text.contains("a/b"))
        let sealed = String(decoding: bytes, as: UTF8.self)
        for word in ["recognisable", "SQLite", "CREATE TABLE", "vault.backed_up"] { #expect(!sealed.contains(word)) }
    }

    @Test("another keyring does not open it, nor does a header with one bit changed")
    func keys() async throws {
        let kit = try await LegateKit.start()
        let bytes = try await whole(try await kit.server.backupDesk.begin(by: manager(kit)))
        let (other, _) = try Keyring.create(rootKey: .generate(), now: 0)
        #expect(throws: BackupError.self) { try files(bytes, other) }
        let text = String(decoding: bytes.prefix(2000), as: UTF8.self)
        let issuer = try #require(text.utf8.firstRange(of: "auth.example.com".utf8))
        var changed = bytes
        changed[text.utf8.distance(from: text.utf8.startIndex, to: issuer.lowerBound)] ^= 1
        #expect(throws: BackupError.self) { try files(changed, kit.barrier.keyring) }
        #expect(throws: Never.self) { try files(bytes, kit.barrier.keyring) }
    }

    @Test("a term that was added since does not matter: the old one still opens it")
    func olderTerm() async throws {
        let kit = try await LegateKit.start()
        let bytes = try await whole(try await kit.server.backupDesk.begin(by: manager(kit)))
        let (next, _) = try kit.barrier.keyring.addingTerm(rootKey: .generate(), now: 1)
        #expect(throws: Never.self) { try files(bytes, next) }
    }

    @Test("no audit, no backup")
    func audited() async throws {
        let kit = try await LegateKit.start()
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.server.backupDesk.begin(by: manager(kit)) }
        kit.store.fail(false)
        _ = try await kit.server.backupDesk.begin(by: manager(kit))
    }

    @Test("it takes the scope")
    func scope() async throws {
        let kit = try await LegateKit.start()
        await #expect(throws: OAuthError.self) { try await kit.server.backupDesk.begin(by: kit.keeper("audit:read")) }
    }

    @Test("one at a time; whoever drops it makes room")
    func oneAtATime() async throws {
        let kit = try await LegateKit.start()
        var first: Backup? = try await kit.server.backupDesk.begin(by: manager(kit))
        #expect(first != nil)
        await #expect(throws: BackupDesk.Busy.self) { try await kit.server.backupDesk.begin(by: manager(kit)) }
        first = nil
        _ = try await whole(try await kit.server.backupDesk.begin(by: manager(kit)))
        _ = try await kit.server.backupDesk.begin(by: manager(kit))
    }

    @Test("one that breaks off while it is written makes room too")
    func brokenOff() async throws {
        struct GoneAway: Error {}
        let kit = try await LegateKit.start()
        do {
            let backup = try await kit.server.backupDesk.begin(by: manager(kit))
            await #expect(throws: GoneAway.self) { try await backup.write { _ in throw GoneAway() } }
        }
        _ = try await kit.server.backupDesk.begin(by: manager(kit))
    }

    @Test("the check of a restore opens every box, and stops at one that was moved")
    func boxes() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", "one")
        let others = try await kit.server.backupDesk.checkBoxes()
        try await kit.keep("b", "two")
        #expect(try await kit.server.backupDesk.checkBoxes() == others + 1)
        let name = LegateKit.secretName("b")
        let moved = try #require(try await kit.store.secretBox(of: LegateKit.secretName("a"), version: 1))
        try await kit.server.ledger.commit(
            Entry(changes: [.addVersion(name, SecretVersion(number: 2, box: moved, createdAt: kit.clock.time))])
        )
        let refused = await #expect(throws: VaultError.self) { try await kit.server.backupDesk.checkBoxes() }
        #expect(refused?.description.contains("legate secret destroy") == true)
        let place = VaultSecret.place(of: name, version: 2).description
        #expect(try await kit.server.backupDesk.unreadable() == [place])
        #expect(refused == .cannotOpen(place: place))
        try await kit.server.ledger.commit(
            Entry(changes: [.setVersion(name, 2, .destroyed, readableUntil: nil)])
        )
        #expect(try await kit.server.backupDesk.unreadable().isEmpty)
    }
}
