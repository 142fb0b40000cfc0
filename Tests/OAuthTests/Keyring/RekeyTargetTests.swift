import JOSE
import Testing
import Vault

@testable import OAuth

@Suite("What is to open the vault, as an operator says it")
struct RekeyTargetTests {
    @Test("nothing at all means a new root key file")
    func empty() throws {
        guard case .newFile = try RekeyTarget([:]) else { throw VaultError.noTerms }
    }

    @Test("a root key is the line of a key file")
    func rootKey() throws {
        let text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        guard case .rootKey(let key) = try RekeyTarget(["root_key": .string(text)]) else { throw VaultError.noTerms }
        #expect(try key.fingerprint == RootKey(text: Secret(Array(text.utf8)), name: "x").fingerprint)
    }

    @Test("a passphrase costs what is usual, or what is said")
    func passphrase() throws {
        guard case .passphrase(_, let usual) = try RekeyTarget(["passphrase": "correct horse"]),
            case .passphrase(let secret, let cost) = try RekeyTarget([
                "passphrase": "correct horse", "argon2_memory_kib": 131_072, "argon2_passes": 4, "argon2_lanes": 1,
            ])
        else { throw VaultError.noTerms }
        #expect(usual == .standard)
        #expect(secret == Secret(Array("correct horse".utf8)))
        #expect(try cost == Argon2Cost(memoryKiB: 131_072, passes: 4, lanes: 1))
    }

    static let refused: [(JSONObject, field: String)] = [
        (["root_key": "short"], "root_key"),
        (["root_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "passphrase": "correct horse"], "root_key"),
        (["passphrase": "elevenbytes"], "passphrase"),
        (["passphrase": .string(String(repeating: "a", count: 1025))], "passphrase"),
        (["passphrase": "correct horse", "argon2_memory_kib": 1024], "argon2_memory_kib"),
        (["passphrase": "correct horse", "argon2_memory_kib": 4_194_304], "argon2_memory_kib"),
        (["passphrase": "correct horse", "argon2_passes": 1], "argon2_passes"),
        (["passphrase": "correct horse", "argon2_lanes": 0], "argon2_lanes"),
        (["argon2_passes": 3], "argon2_passes"),
        (["path": "/etc/passwd"], "path"),
    ]

    @Test("whatever is not acceptable is refused by its name", arguments: refused.indices)
    func refusals(_ index: Int) throws {
        let (document, field) = Self.refused[index]
        let error = #expect(throws: InvalidDocument.self) { try RekeyTarget(document) }
        #expect(error?.errors.map(\.field) == [field])
    }
}
