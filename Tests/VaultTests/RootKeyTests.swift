import FoundationEssentials
import Testing
import Vault

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite("Root key file")
struct RootKeyTests {
    static let line = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test("a created key file has mode 0600 and one line of 43 base64url characters")
    func created() throws {
        let path = directory.file("root.key")
        _ = try RootKey.create(path: path)
        #expect(try mode(of: path) == 0o600)
        let text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
        #expect(text.utf8.count == 44)
        #expect(text.hasSuffix("\n"))
        #expect(text.dropLast().allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
    }

    @Test("missing directories above the key are created for the owner only")
    func directories() throws {
        let path = directory.file("a/b/root.key")
        _ = try RootKey.create(path: path)
        #expect(try mode(of: directory.file("a")) == 0o700)
        #expect(try mode(of: directory.file("a/b")) == 0o700)
        #expect(try mode(of: path) == 0o600)
    }

    @Test("a key that was created is loaded again as the same key")
    func roundTrip() throws {
        let path = directory.file("root.key")
        let created = try RootKey.create(path: path)
        let (ring, row) = try Keyring.create(rootKey: created, now: 1)
        let reopened = try Keyring(rootKey: RootKey.load(path: path), terms: [row])
        let place = Place(table: "t", row: "r", purpose: "p")
        #expect(try reopened.open(ring.seal([1, 2, 3], at: place), at: place).bytes == [1, 2, 3])
    }

    @Test("two created keys differ")
    func distinct() throws {
        _ = try RootKey.create(path: directory.file("one"))
        _ = try RootKey.create(path: directory.file("two"))
        let one = try Data(contentsOf: URL(filePath: directory.file("one")))
        #expect(try one != Data(contentsOf: URL(filePath: directory.file("two"))))
    }

    @Test("an existing key is never written over")
    func existing() throws {
        let path = try directory.write(Self.line + "\n", to: "root.key")
        #expect(throws: VaultError.rootKeyExists(path: path)) { try RootKey.create(path: path) }
        #expect(try String(contentsOf: URL(filePath: path), encoding: .utf8) == Self.line + "\n")
    }

    @Test("a dangling link in the key's place is not followed when the key is created")
    func danglingLink() throws {
        let path = directory.file("root.key")
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: directory.file("elsewhere"))
        #expect(throws: VaultError.rootKeyExists(path: path)) { try RootKey.create(path: path) }
        #expect(!FileManager.default.fileExists(atPath: directory.file("elsewhere")))
    }

    @Test("a key is not created under something that is no directory, and nothing is left behind")
    func notADirectory() throws {
        let path = try directory.write("x", to: "file") + "/root.key"
        #expect(throws: VaultError.rootKeyUnwritable(path: path, code: ENOTDIR)) { try RootKey.create(path: path) }
        #expect(throws: VaultError.rootKeyUnwritable(path: path, code: ENOTDIR)) {
            try RootKey.loadOrCreate(path: path)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["file"])
    }

    @Test("load or create makes the key once and reads it after that")
    func loadOrCreate() throws {
        let path = directory.file("root.key")
        #expect(try RootKey.loadOrCreate(path: path).created)
        let first = try Data(contentsOf: URL(filePath: path))
        #expect(try !RootKey.loadOrCreate(path: path).created)
        #expect(try Data(contentsOf: URL(filePath: path)) == first)
    }

    @Test("load or create never replaces a key that is not acceptable")
    func notReplaced() throws {
        let path = try directory.write("damaged", to: "root.key")
        #expect(throws: VaultError.rootKeyMalformed(path: path)) { try RootKey.loadOrCreate(path: path) }
        #expect(try String(contentsOf: URL(filePath: path), encoding: .utf8) == "damaged")
    }

    @Test("the newline at the end may be missing")
    func noNewline() throws {
        _ = try RootKey.load(path: directory.write(Self.line, to: "root.key"))
    }

    @Test("a missing key is refused by name")
    func missing() throws {
        let path = directory.file("root.key")
        #expect(throws: VaultError.rootKeyMissing(path: path)) { try RootKey.load(path: path) }
    }

    @Test(
        "any permission of group or others is refused",
        arguments: [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o660, 0o777])
    func readableByOthers(mode: Int) throws {
        let path = try directory.write(Self.line + "\n", to: "root.key", mode: mode)
        #expect(throws: VaultError.rootKeyReadableByOthers(path: path, mode: mode)) { try RootKey.load(path: path) }
    }

    @Test("permissions of the owner alone are accepted", arguments: [0o600, 0o400, 0o700])
    func ownerOnly(mode: Int) throws {
        _ = try RootKey.load(path: directory.write(Self.line + "\n", to: "root.key", mode: mode))
    }

    @Test("a symbolic link is refused even when its target would do")
    func symbolicLink() throws {
        let target = try directory.write(Self.line + "\n", to: "real.key")
        let path = directory.file("root.key")
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        #expect(throws: VaultError.rootKeyNotAFile(path: path)) { try RootKey.load(path: path) }
    }

    @Test("a directory is refused")
    func isDirectory() throws {
        #expect(throws: VaultError.rootKeyNotAFile(path: directory.path)) { try RootKey.load(path: directory.path) }
    }

    @Test("a named pipe is refused without waiting for a writer", .timeLimit(.minutes(1)))
    func namedPipe() throws {
        let path = directory.file("root.key")
        #expect(unsafe mkfifo(path, 0o600) == 0)
        #expect(throws: VaultError.rootKeyNotAFile(path: path)) { try RootKey.load(path: path) }
    }

    @Test("a key that belongs to another user is refused", .enabled(if: geteuid() == 0))
    func anotherOwner() throws {
        let path = try directory.write(Self.line + "\n", to: "root.key")
        #expect(unsafe chown(path, 4711, 4711) == 0)
        #expect(throws: VaultError.rootKeyOwnedByAnother(path: path)) { try RootKey.load(path: path) }
    }

    @Test(
        "anything but one line of 43 base64url characters is refused",
        arguments: [
            "", "\n", String(line.dropLast()), line + "A", line + "\n\n", line + "\r\n", " " + line.dropFirst(),
            line + " ", String(line.dropLast()) + "=", String(line.dropLast()) + "+",
            // The last character carries four bits; the two that are left over must be zero.
            String(line.dropLast()) + "9", line + "\n" + line + "\n", String(repeating: "é", count: 43),
        ])
    func malformed(text: String) throws {
        let path = try directory.write(text, to: "root.key")
        #expect(throws: VaultError.rootKeyMalformed(path: path)) { try RootKey.load(path: path) }
    }

    @Test("a key does not show in text")
    func redacted() throws {
        let path = try directory.write(Self.line + "\n", to: "root.key")
        let key = try RootKey.load(path: path)
        var dumped = ""
        dump(key, to: &dumped)
        for text in [String(describing: key), String(reflecting: key), "\(key)", dumped] {
            #expect(text.contains("[redacted]"))
            #expect(!text.contains("AAEC"))
            #expect(!text.contains("SecureBytes"))
        }
    }
}
