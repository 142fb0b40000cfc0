import FoundationEssentials
import Testing

@testable import Vault

@Suite("Exchanging the root key file")
struct RootKeyFileTests {
    let directory: TemporaryDirectory
    let file: RootKeyFile
    /// What opened the vault so far: its file is at the path.
    let old: HeldRootKey
    let next = RootKey.generate().inNewSlot(now: 2)

    init() throws {
        directory = try TemporaryDirectory()
        file = RootKeyFile(path: directory.file("root.key"))
        old = try RootKey.create(path: file.path).inNewSlot(now: 1)
    }

    private func fingerprint(_ path: String) -> String? { (try? RootKey.load(path: path))?.fingerprint }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    @Test("the next key waits beside the present one, readable by its owner alone, and then takes its place")
    func exchange() throws {
        try file.stage(next, present: old)
        #expect(fingerprint(file.path) == old.fingerprint && fingerprint(file.staged) == next.fingerprint)
        #expect(try mode(of: file.staged) == 0o600)
        try file.place()
        #expect(fingerprint(file.path) == next.fingerprint && !exists(file.staged))
    }

    @Test("a key that is not ours is never written over")
    func inTheWay() throws {
        let stranger = RootKey.generate().inNewSlot(now: 3)
        #expect(throws: VaultError.rootKeyInTheWay(path: file.path)) { try file.stage(next, present: stranger) }
        #expect(fingerprint(file.path) == old.fingerprint && !exists(file.staged))
    }

    @Test("a start after a crash before the database knew removes the next key")
    func undone() throws {
        try file.stage(next, present: old)
        try file.settle(old, leftovers: [])
        #expect(fingerprint(file.path) == old.fingerprint && !exists(file.staged))
    }

    @Test("a start after a crash that wrote half a key removes it")
    func half() throws {
        _ = try directory.write("AAECAwQ", to: "root.key.next")
        try file.settle(old, leftovers: [])
        #expect(fingerprint(file.path) == old.fingerprint && !exists(file.staged))
    }

    @Test("a start after a crash behind the database puts the next key in its place")
    func finished() throws {
        try file.stage(next, present: old)
        try file.settle(next, leftovers: [old.fingerprint])
        #expect(fingerprint(file.path) == next.fingerprint && !exists(file.staged))
        try file.settle(next, leftovers: [old.fingerprint])
        #expect(fingerprint(file.path) == next.fingerprint)
    }

    @Test("what is at the path and is not known stays, whatever waits beside it")
    func unknown() throws {
        try file.stage(next, present: old)
        try file.settle(next, leftovers: [])
        #expect(fingerprint(file.path) == old.fingerprint && fingerprint(file.staged) == next.fingerprint)
        _ = try directory.write("no key", to: "root.key")
        try file.settle(next, leftovers: [old.fingerprint])
        #expect(try String(contentsOfFile: file.path, encoding: .utf8) == "no key")
    }

    @Test("behind a change to a passphrase, the old key's file goes; any other stays")
    func passphrase() async throws {
        let cost = try Argon2Cost(memoryKiB: 19_456, passes: 2)
        let held = try await RootKey.make(from: Secret(Array("correct horse".utf8)), cost: cost, now: 2)
        try file.settle(held, leftovers: ["another"])
        #expect(exists(file.path))
        try file.settle(held, leftovers: [old.fingerprint])
        #expect(!exists(file.path))
    }

    @Test("the keyring opens with whichever of the two files the database knows")
    func either() async throws {
        let (ring, _) = try Keyring.create(rootKey: .generate(), now: 1)
        for held in [old, next] {
            try file.stage(next, present: old)
            let opened = try await KeyringOpener.unlock(
                slots: [held.slot], terms: ring.wrapped(by: held), source: .file(path: file.path)
            )
            #expect(opened.rootKey.fingerprint == held.fingerprint)
        }
        let stranger = RootKey.generate().inNewSlot(now: 3)
        await #expect(throws: VaultError.cannotUnwrapTerm(1)) {
            try await KeyringOpener.open(
                slots: [stranger.slot], terms: ring.wrapped(by: stranger), source: .file(path: file.path)
            )
        }
    }

    @Test("the fingerprint names a key and does not hold it")
    func name() {
        #expect(old.fingerprint != next.fingerprint && old.fingerprint.utf8.count == 22)
        #expect(old.key.fingerprint == old.slot.id)
    }
}
