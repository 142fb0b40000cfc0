import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Versions of secrets")
struct SecretVersionTests {
    private let a = LegateKit.secretName("a")

    private func put(_ text: String, _ kit: LegateKit, ifVersion: Int? = nil) async throws -> VaultSecret {
        try await kit.server.secretDesk.put(Secret(Array(text.utf8)), into: a, ifVersion: ifVersion, by: kit.keeper())
    }

    @Test("a new value becomes current; the one before stays readable by its number")
    func versions() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", "one", readers: [kit.planner])
        #expect(try await put("two", kit).current == 2)
        #expect(try await kit.read("a", as: kit.planner) == "two")
        #expect(try await kit.read("a", version: 1, as: kit.planner) == "one")
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 3, as: kit.planner) }
        let again = try await kit.restarted()
        #expect(try await again.read("a", as: again.planner) == "two")
    }

    @Test("check-and-set: of two who saw the same version, one is too late")
    func checkAndSet() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", "one", readers: [kit.planner])
        #expect(try await put("two", kit, ifVersion: 1).current == 2)
        await #expect(throws: SecretRefusal.staleVersion(a, current: 2)) {
            try await put("three", kit, ifVersion: 1)
        }
        #expect(try await kit.read("a", as: kit.planner) == "two")
        let both = await withTaskGroup(of: Bool.self) { group in
            for text in ["x", "y"] {
                group.addTask { (try? await put(text, kit, ifVersion: 2)) != nil }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(both == 1)
    }

    @Test("deleted can be undone, destroyed cannot: the box is gone")
    func ending() async throws {
        let kit = try await LegateKit.start()
        try await kit.keep("a", "one", readers: [kit.planner])
        let desk = kit.server.secretDesk
        try await desk.delete(a, version: nil, by: kit.keeper())
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", as: kit.planner) }
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 1, as: kit.planner) }
        try await desk.undelete(a, version: 1, by: kit.keeper())
        #expect(try await kit.read("a", as: kit.planner) == "one")
        try await desk.destroy(a, version: 1, by: kit.keeper())
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 1, as: kit.planner) }
        await #expect(throws: SecretRefusal.self) { try await desk.undelete(a, version: 1, by: kit.keeper()) }
        #expect(try await kit.store.secretBox(of: a, version: 1) == nil)
        #expect(try await put("two", kit).current == 2)
    }

    @Test("with a rotation policy no version but the current one can be read for ever, whatever is brought back")
    func undeletedGrace() async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", grace: 600, readers: [kit.planner])
        let desk = kit.server.secretDesk
        _ = try await put("two", kit)
        for version in [1, 2] { try await desk.delete(a, version: version, by: kit.keeper()) }
        await #expect(throws: SecretRefusal.missing("a has no version 9")) {
            try await desk.delete(a, version: 9, by: kit.keeper())
        }
        await #expect(throws: SecretRefusal.missing("a has no current version")) {
            try await desk.delete(a, version: nil, by: kit.keeper())
        }
        for version in [1, 2] { try await desk.undelete(a, version: version, by: kit.keeper()) }
        #expect(try await kit.read("a", as: kit.planner) == "two")
        kit.clock.advance(seconds: 599)
        #expect(try await !kit.read("a", version: 1, as: kit.planner).isEmpty)
        kit.clock.advance(seconds: 1)
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 1, as: kit.planner) }
        // Superseded while it was deleted.
        try await desk.delete(a, version: 2, by: kit.keeper())
        _ = try await put("three", kit)
        try await desk.undelete(a, version: 2, by: kit.keeper())
        #expect(try await kit.read("a", version: 2, as: kit.planner) == "two")
        kit.clock.advance(seconds: 600)
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("a", version: 2, as: kit.planner) }
        #expect(try await kit.read("a", as: kit.planner) == "three")
    }

    @Test("a box that was moved, cut or changed is refused and reported, never served")
    func damaged() async throws {
        let kit = try await LegateKit.start()
        let other = try await kit.keep("b", "other", readers: [kit.planner])
        try await kit.keep("a", "one", readers: [kit.planner])
        var secret = try #require(kit.server.registry.secrets.secret(a))
        let box = try #require(try await kit.store.secretBox(of: other.name, version: 1))
        var flipped = try #require(try await kit.store.secretBox(of: a, version: 1))
        flipped[20] ^= 1
        for bad in [box, flipped, Array(flipped.dropLast())] {
            let number = secret.latest + 1
            var next = secret
            next.latest = number
            next.current = number
            next.revision += 1
            try await kit.server.ledger.commit(
                Entry(changes: [
                    .keepSecret(next, from: secret.revision),
                    .addVersion(a, SecretVersion(number: number, box: bad, createdAt: kit.clock.time)),
                ])
            )
            secret = next
            await #expect(throws: SecretRefusal.damaged) { try await kit.read("a", as: kit.planner) }
        }
        #expect(try await kit.records().count { $0.event.name == .boxRefused } == 3)
    }

    @Test("values are 1 byte to 64 KiB; names are paths", arguments: ["", "/a", "a//b", "a/..", ".", "a b", "é"])
    func limits(_ bad: String) async throws {
        #expect(SecretName(bad) == nil)
        #expect(SecretName("payments/stripe-live_1.x")?.text == "payments/stripe-live_1.x")
        let kit = try await LegateKit.start()
        await #expect(throws: InvalidDocument.self) { try await kit.keep("a", "") }
        await #expect(throws: InvalidDocument.self) { try await kit.keep("a", String(repeating: "x", count: 65_537)) }
        try await kit.keep("a", String(repeating: "x", count: 65_536), readers: [kit.planner])
        #expect(try await kit.read("a", as: kit.planner).count == 65_536)
    }

    @Test("a definition says which member is wrong, and nothing changes")
    func definitions() async throws {
        let kit = try await LegateKit.start()
        let bad: [(JSONObject, String)] = [
            (["kind": "secret"], "kind"), (["lease_ttl": 0], "lease_ttl"),
            (["resource": .string("https://unknown.example")], "resource"), (["rules": [[:]]], "rules[0].client_id"),
            (["rules": [["client_id": "nobody"]]], "rules[0].client_id"),
            (["rotation": ["every": 5]], "rotation.every"), (["injection": ["header": "Host"]], "injection.header"),
            (["injection": ["header": "X-Key", "format": "no placeholder"]], "injection.format"),
            (["kind": "client"], "client_id"), (["kind": "client", "client_id": "planner"], "rules"),
            (["kind": "client", "client_id": "planner", "rules": [["client_id": "nobody"]]], "rules[0].client_id"),
            (["injection": ["header": "Legate-Upstream-Credential"]], "injection.header"),
            (["rules": [["subject": "nobody|bob"]]], "rules[0].subject"), (["value": "x"], "value"),
            (["rotation": [:]], "rotation"),
        ]
        for (draft, field) in bad {
            do {
                try await kit.keep("a", with: draft)
                Issue.record("accepted: \(draft)")
            } catch let error as InvalidDocument {
                #expect(error.errors.map(\.field) == [field])
            }
        }
        #expect(kit.server.registry.secrets.count == 0)
    }
}
