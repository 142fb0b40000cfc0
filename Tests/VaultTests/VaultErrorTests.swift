import Testing
import Vault

@Suite("Vault errors")
struct VaultErrorTests {
    @Test(
        "every error is one sentence that says what to change",
        arguments: [
            .rootKeyMissing(path: "/k"), .rootKeyExists(path: "/k"), .rootKeyReadableByOthers(path: "/k", mode: 0o644),
            .rootKeyOwnedByAnother(path: "/k"), .rootKeyNotAFile(path: "/k"), .rootKeyMalformed(path: "/k"),
            .rootKeyUnreadable(path: "/k", code: 13), .rootKeyUnwritable(path: "/k", code: 28), .noTerms,
            .repeatedTerm(1), .termOutOfRange(0), .cannotUnwrapTerm(1), .unknownTerm(2), .malformedBox,
            .cannotOpen(place: "p"), .cannotSeal(place: "p"), .malformedRecord(member: "m"),
            .malformedCheckpoint("as it has no issuer"), .wrongPassphrase,
            .cannotOpen(place: "secret_versions/a version 1 (secret value)"),
        ] as [VaultError])
    func sentence(error: VaultError) {
        let text = error.description
        #expect(text.first?.isUppercase == true)
        #expect(text.hasSuffix("."))
        #expect(text.contains(": "), "the remedy follows the colon")
        #expect(!text.contains("\n"))
    }

    @Test(
        "a key that does not open says which one does, also for a backup",
        arguments: [VaultError.wrongPassphrase, .cannotUnwrapTerm(1)])
    func whichKey(error: VaultError) {
        #expect(error.description.contains("set last"))
        #expect(error.description.contains("for a backup the one from when it was made"))
    }

    @Test("of a version that does not open it is said how to give it up")
    func giveUp() {
        let version = VaultError.cannotOpen(place: "secret_versions/a version 1 (secret value)")
        #expect(version.description.contains("legate secret destroy"))
        #expect(!VaultError.cannotOpen(place: "signing_keys/a").description.contains("destroy"))
    }

    @Test("the mode of a readable key is shown as chmod takes it")
    func mode() {
        #expect(VaultError.rootKeyReadableByOthers(path: "/k", mode: 0o644).description.contains("0644"))
        #expect(VaultError.rootKeyReadableByOthers(path: "/k", mode: 0o604).description.contains("0604"))
    }
}
