import Testing

@testable import Vault

// One after the other: all of them would not find room among the derivations.
@Suite("Opening the vault", .serialized)
struct KeyringOpenerTests {
    let passphrase = Secret(Array("correct horse battery staple".utf8))
    let place = Place(table: "t", row: "r", purpose: "p")

    private func made(cost: Argon2Cost? = nil) async throws -> NewKeyring {
        let cost = try cost ?? Argon2Cost(memoryKiB: 19_456, passes: 2, lanes: 1)
        return try await NewKeyring(from: .passphrase(passphrase), cost: cost, now: 17)
    }

    @Test("the passphrase opens what was sealed under it, and keeps its salt and cost")
    func passphraseOpens() async throws {
        let new = try await made()
        let box = try new.keyring.seal([1, 2, 3], at: place)
        let opened = try await KeyringOpener.unlock(
            slots: [new.rootKey.slot], terms: [new.term], source: .passphrase(passphrase)
        )
        #expect(try opened.keyring.open(box, at: place).bytes == [1, 2, 3])
        #expect(opened.rootKey.slot == new.rootKey.slot && opened.rootKey.fingerprint == new.rootKey.slot.id)
        let other = try await made()
        #expect(other.rootKey.slot.id != new.rootKey.slot.id, "the same passphrase has another salt each time")
    }

    @Test("a wrong passphrase is told as such, whatever it is", arguments: ["", "correct horse battery stapl", "x"])
    func wrong(_ guess: String) async throws {
        let new = try await made()
        await #expect(throws: VaultError.wrongPassphrase) {
            try await KeyringOpener.open(
                slots: [new.rootKey.slot], terms: [new.term], source: .passphrase(Secret(Array(guess.utf8)))
            )
        }
    }

    @Test("attack: a salt or a cost that was changed in the database opens nothing")
    func changedSlot() async throws {
        let new = try await made()
        guard case .passphrase(let salt, let cost) = new.rootKey.slot.kind else { throw VaultError.noTerms }
        let cheaper = try Argon2Cost(memoryKiB: cost.memoryKiB + 8, passes: cost.passes, lanes: cost.lanes)
        for kind in [
            RootKeySlot.Kind.passphrase(salt: salt.map { $0 ^ 1 }, cost: cost), .passphrase(salt: salt, cost: cheaper),
        ] {
            let slot = RootKeySlot(id: new.rootKey.slot.id, kind: kind, createdAt: 17)
            await #expect(throws: VaultError.wrongPassphrase) {
                try await KeyringOpener.open(slots: [slot], terms: [new.term], source: .passphrase(passphrase))
            }
        }
    }

    @Test("a term that was changed is not taken for a wrong passphrase")
    func changedTerm() async throws {
        let new = try await made()
        var box = new.term.box
        box[box.count - 1] ^= 1
        let term = WrappedTerm(number: 1, slot: new.term.slot, box: box, createdAt: 17)
        await #expect(throws: VaultError.cannotUnwrapTerm(1)) {
            try await KeyringOpener.open(
                slots: [new.rootKey.slot], terms: [term], source: .passphrase(passphrase)
            )
        }
    }

    @Test("what the vault does not open with is said")
    func otherKind() async throws {
        let directory = try TemporaryDirectory()
        let withPassphrase = try await made()
        await #expect(throws: VaultError.passphraseNeeded) {
            try await KeyringOpener.open(
                slots: [withPassphrase.rootKey.slot], terms: [withPassphrase.term],
                source: .file(path: directory.file("root.key"))
            )
        }
        let withFile = try await NewKeyring(from: .file(path: directory.file("root.key")), now: 1)
        #expect(withFile.isNewFile)
        await #expect(throws: VaultError.rootKeyFileNeeded) {
            try await KeyringOpener.open(
                slots: [withFile.rootKey.slot], terms: [withFile.term], source: .passphrase(passphrase)
            )
        }
        await #expect(throws: VaultError.noTerms) {
            try await KeyringOpener.open(slots: [], terms: [], source: .passphrase(passphrase))
        }
    }

    @Test("short and endless passphrases cannot be set", arguments: [0, 11, 1025])
    func lengths(_ length: Int) async {
        await #expect(throws: VaultError.passphraseLength(12...1024)) {
            try await RootKey.make(from: Secret([UInt8](repeating: 65, count: length)), cost: .standard, now: 1)
        }
    }

    @Test("a keyring that is wrapped by another root key has the same terms, and opens the same boxes")
    func wrappedAnew() async throws {
        let directory = try TemporaryDirectory()
        let old = try await NewKeyring(from: .file(path: directory.file("root.key")), now: 1)
        let (ring, _) = try old.keyring.addingTerm(by: old.rootKey, now: 2)
        let first = try old.keyring.seal([1], at: place)
        let second = try ring.seal([2], at: place)
        let next = try await made().rootKey
        let rows = try ring.wrapped(by: next)
        #expect(rows.map(\.number) == [1, 2] && rows.map(\.createdAt) == [1, 2])
        #expect(rows.allSatisfy { $0.slot == next.slot.id })
        let opened = try await KeyringOpener.open(slots: [next.slot], terms: rows, source: .passphrase(passphrase))
        #expect(try opened.open(first, at: place).bytes == [1])
        #expect(try opened.open(second, at: place).bytes == [2])
    }

    @Test("what an old term sealed does not open without it; the active term cannot be taken away")
    func removedTerm() throws {
        let (first, _) = try Keyring.create(rootKey: .generate(), now: 1)
        let box = try first.seal([1], at: place)
        let (second, _) = try first.addingTerm(rootKey: .generate(), now: 2)
        let without = second.removingTerm(1)
        #expect(without.terms == [2] && without.activeTerm == 2)
        #expect(throws: VaultError.unknownTerm(1)) { try without.open(box, at: place) }
        #expect(without.removingTerm(2).terms == [2])
    }

    @Test("keys that were forgotten stay forgotten")
    func forgotten() async throws {
        let directory = try TemporaryDirectory()
        let new = try await NewKeyring(from: .file(path: directory.file("root.key")), now: 1)
        let barrier = Barrier(new.keyring, rootKey: new.rootKey)
        let box = try barrier.seal([1], at: place)
        barrier.replace(.forgotten)
        #expect(barrier.rootKey == nil)
        barrier.replace(new.keyring)
        barrier.replace(rootKey: new.rootKey)
        #expect(barrier.rootKey == nil && barrier.keyring.terms.isEmpty)
        #expect(throws: VaultError.self) { try barrier.open(box, at: place) }
    }

    @Test("key bytes on a page of their own are what they were")
    func page() {
        for length in [1, 32, 4096, 5000] {
            let secret = Secret.random(count: length)
            #expect(LockedBytes(secret).secret == secret)
        }
    }
}
