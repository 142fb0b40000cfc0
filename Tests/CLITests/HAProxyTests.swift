import Foundation
import JOSE
import Revocations
import Testing

@testable import CLI

@Suite("What HAProxy is told")
struct HAProxyTests {
    private func revocation(_ id: String, before: Int64 = 100, expires: Int64 = 1000) -> Revocation {
        Revocation(sequence: 1, kind: .client, id: id, issuedBefore: before, expires: expires)
    }

    @Test("an id is its hash, as HAProxy makes it")
    func key() {
        // printf 'subject:acme|alice' | openssl dgst -sha256 -binary | base64
        #expect(DeniedMap.key(.subject, "acme|alice") == "7FqPVhj8uOS64QDdlBTZ0eJLXpNnsPr1dosrFEvAXy0=")
    }

    @Test("a new tombstone is added, a later one is set, an older one is nothing new")
    func changes() {
        var map = DeniedMap(file: "/d.map")
        let key = DeniedMap.key(.client, "a")
        #expect(map.take([revocation("a")]) == ["add map /d.map \(key) 100"])
        #expect(map.take([revocation("a", before: 150)]) == ["set map /d.map \(key) 150"])
        #expect(map.take([revocation("a", before: 120)]) == [])
        #expect(map.lines(openUntil: 7, epoch: 3) == ["\(key) 150", "epoch 3", "open-until 7"])
        #expect(map.lines(openUntil: 7, epoch: nil) == ["\(key) 150", "open-until 7"])
    }

    @Test("what no live token can carry is taken out, a minute late")
    func pruning() {
        var map = DeniedMap(file: "/d.map")
        _ = map.take([revocation("a", expires: 1000), revocation("b", expires: 2000)])
        #expect(map.prune(at: 1059) == [])
        #expect(map.prune(at: 1060) == ["del map /d.map \(DeniedMap.key(.client, "a"))"])
        #expect(map.count == 1)
    }

    @Test("commands are joined into lines that HAProxy can read, and none is lost")
    func joining() {
        let commands = (0..<1000).map { "command number \($0)" }
        let lines = DeniedMap.joined(commands, with: ";")
        #expect(lines.count > 1)
        #expect(lines.allSatisfy { $0.utf8.count <= HAProxySocket.longestCommand })
        #expect(lines.joined(separator: ";") == commands.joined(separator: ";"))
        #expect(DeniedMap.joined([], with: ";") == [])
    }
}

@Suite("HAProxy's key files")
struct KeySlotsTests {
    private func temporaryDirectory() throws -> String {
        let url = FileManager.default.temporaryDirectory.appending(component: "legate-slots-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url.path
    }

    private func key(_ algorithm: SignatureAlgorithm = .es256) throws -> JWK {
        try SigningKey.generate(algorithm).publicKey
    }

    private func text(_ path: String) -> String { String(decoding: Files.contents(path) ?? [], as: UTF8.self) }

    @Test("a key stays in its place while others come and go, also over a restart")
    func stable() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let keys = try (0..<3).map { _ in try key() }
        let names = keys.map { $0.keyID ?? "" }
        var slots = KeySlots(directory: directory)
        #expect(try slots.write(JWKSet(keys: [keys[0], keys[1]])).isReloadNeeded)
        #expect(slots.keyIDs == [0: names[0], 1: names[1]])
        #expect(try slots.write(JWKSet(keys: [keys[1], keys[0]])) == KeySlots.Change())

        var later = KeySlots(directory: directory)
        let change = try later.write(JWKSet(keys: [keys[2], keys[1]]))
        #expect(change.removed == [names[0]])
        #expect(change.isReloadNeeded)
        #expect(later.keyIDs == [0: names[2], 1: names[1]])
        #expect(text(directory + "/keys.map") == "\(names[2]) 0\n\(names[1]) 1\n")
        #expect(text(directory + "/key-0.pem").hasPrefix(keys[2].pem ?? "none"))
    }

    @Test("every place has a key that can be read, and only those of ES256 are used")
    func filled() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var slots = KeySlots(directory: directory)
        let usable = try key()
        _ = try slots.write(JWKSet(keys: [try key(.ed25519), usable]))
        #expect(slots.keyIDs.values.map { $0 } == [usable.keyID])
        for slot in 0..<KeySlots.count {
            #expect(text("\(directory)/key-\(slot).pem").hasPrefix("-----BEGIN PUBLIC KEY-----"))
        }
    }

    @Test("keys for which there is no place are counted")
    func crowded() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var slots = KeySlots(directory: directory)
        let keys = try (0..<(KeySlots.count + 2)).map { _ in try key() }
        #expect(try slots.write(JWKSet(keys: keys)).left == 2)
        #expect(slots.keyIDs.count == KeySlots.count)
    }
}
