import HTTPTypes
import Hummingbird
import JOSE
import NIOCore
import OAuth
import Revocations
import Server
import Support
import Synchronization
import Testing
import Vault

@Suite("Sealing and unsealing")
struct SealingTests {
    private static let passphrase = "open sesame"

    private func unseal(_ http: HTTPTester, _ passphrase: String = SealingTests.passphrase) async throws -> HTTPExchange
    {
        try await http.admin(.post, "/admin/vault/unseal", token: nil, ["passphrase": .string(passphrase)])
    }

    @Test("what was issued before is good after, and the trail goes on where it was")
    func roundTrip() async throws {
        let kit = try await LegateKit.start()
        let opener = KitOpener(kit, passphrase: Self.passphrase)
        let http = try HTTPTester(kit.sealable(by: opener))
        let admin = try await kit.adminToken()
        let token = try await kit.token(kit.planner)
        let length = kit.auditCount
        #expect(try await http.admin(.post, "/admin/vault/seal", token: admin).status == 200)
        #expect(try await http.get("/health/ready").status == 503)
        #expect(try await unseal(http).status == 200)
        #expect(try await http.get("/health/ready").status == 200)
        #expect(try await http.admin(.get, "/admin/clients", token: admin).status == 200)
        let again = try #require(opener.last)
        #expect(try again.server.verifier.verify(token.accessToken, at: kit.clock.time).clientID == kit.planner.id)
        let events = try await again.records().map(\.event.name.rawValue).suffix(2)
        #expect(Array(events) == ["vault.sealed", "vault.unsealed"])
        #expect(again.auditCount == length + 2)
        #expect(try await again.server.auditTrail.verify(for: again.admin("audit:read"))["valid"] == .bool(true))
    }

    @Test("a sealed server holds no key: nothing that was opened is left in memory")
    func dropped() async throws {
        let kit = try await LegateKit.start()
        let opener = KitOpener(kit, passphrase: Self.passphrase)
        let http = try HTTPTester(try await kit.sealed(by: opener))
        _ = try await unseal(http)
        weak var keys: SigningKeys?
        weak var barrier: Barrier?
        weak var ledger: Ledger?
        let admin: String
        do {
            let open = try #require(opener.last)
            admin = try await open.adminToken()
            keys = open.server.keys
            barrier = open.barrier
            ledger = open.server.ledger
            opener.forgetLast()
        }
        #expect(keys != nil)
        #expect(try await http.admin(.post, "/admin/vault/seal", token: admin).status == 200)
        for _ in 0..<200 where keys != nil || barrier != nil || ledger != nil {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(keys == nil)
        #expect(barrier == nil)
        #expect(ledger == nil)
    }

    @Test("whoever still holds a sealed server can sign, open and record nothing with it")
    func forgotten() async throws {
        let kit = try await LegateKit.start()
        let http = try HTTPTester(kit.sealable())
        let admin = try await kit.adminToken()
        let place = Place(table: "t", row: "r", purpose: "p")
        let box = try kit.barrier.seal([1, 2, 3], at: place)
        #expect(try await http.admin(.post, "/admin/vault/seal", token: admin).status == 200)
        #expect(throws: VaultError.self) { try kit.barrier.open(box, at: place) }
        #expect(throws: VaultError.self) { try kit.barrier.seal([1], at: place) }
        #expect(kit.server.keys.active(.es256, at: kit.clock.time) == nil)
        await #expect(throws: LedgerUnavailable.self) { try await kit.server.ledger.commit(Entry()) }
        await #expect(throws: (any Error).self) { try await kit.token(kit.planner) }
    }

    @Test("only an operator with vault:manage seals, and the refusal is audited")
    func rights() async throws {
        let kit = try await LegateKit.start()
        let http = try HTTPTester(kit.sealable())
        #expect(try await http.admin(.post, "/admin/vault/seal", token: nil).status == 401)
        let auditor = try await kit.adminToken(kit.auditor)
        #expect(try await http.admin(.post, "/admin/vault/seal", token: auditor).status == 403)
        #expect(try await http.get("/health/ready").status == 200)
        #expect(try await kit.lastRecord()?.event.name == .adminRefused)
    }

    @Test("Attack: the root key file is unsealed by a stranger")
    func stranger() async throws {
        let kit = try await LegateKit.start()
        let opener = KitOpener(kit, passphrase: nil)
        let http = try HTTPTester(try await kit.sealed(by: opener))
        let nobody = try await http.admin(.post, "/admin/vault/unseal", token: nil, [:])
        #expect(nobody.status == 401)
        #expect(opener.attempts == 0)
        let planner = Form.basic(kit.planner.id.text, try #require(kit.planner.secret))
        let agent = try await http.admin(
            .post, "/admin/vault/unseal", token: nil, [:], headers: [("Authorization", planner)])
        #expect(agent.status == 400 || agent.status == 401 || agent.status == 403)
        #expect(try await http.get("/health/ready").status == 503)
        kit.clock.advance(seconds: 60)
        let known = Form.basic(kit.world.admin.id.text, try #require(kit.world.admin.secret))
        let right = try await http.admin(
            .post, "/admin/vault/unseal", token: nil, [:], headers: [("Authorization", known)])
        #expect(right.status == 200)
        #expect(try await http.get("/health/ready").status == 200)
        #expect(try await opener.last?.lastRecord()?.event.clientID == kit.world.admin.id.text)
    }

    @Test("a passphrase for a vault that the root key file opens is refused as such, and not tried")
    func passphraseNotNeeded() async throws {
        let kit = try await LegateKit.start()
        let opener = KitOpener(kit, passphrase: nil)
        let http = try HTTPTester(try await kit.sealed(by: opener))
        let answer = try await unseal(http, "short")
        #expect(answer.status == 409)
        #expect(answer.json["type"] == "urn:legate:problem:root-key-file")
        #expect(answer.json["detail"]?.string?.contains("send none") == true)
        #expect(opener.attempts == 0)
    }

    @Test(
        "a root key file that cannot be used is said, and neither where it is nor its mode to somebody unproven",
        arguments: [
            VaultError.rootKeyMissing(path: "/secret/place"),
            .rootKeyReadableByOthers(path: "/secret/place", mode: 0o644), .cannotUnwrapTerm(7),
        ]
    )
    func unusableRootKey(_ failure: VaultError) async throws {
        let kit = try await LegateKit.start()
        let opener = FailingOpener(opener: KitOpener(kit, passphrase: nil), failure: failure)
        let http = try HTTPTester(try await kit.sealed(by: opener))
        let answer = try await http.admin(
            .post, "/admin/vault/unseal", token: nil, [:],
            headers: [("Authorization", Form.basic(kit.world.admin.id.text, "anything"))])
        #expect(answer.status == 409)
        #expect(answer.json["type"] == "urn:legate:problem:root-key-unusable")
        let detail = try #require(answer.json["detail"]?.string)
        #expect(detail.contains("root key file") && detail.contains("log"))
        #expect(!detail.contains("/secret/place") && !detail.contains("644"))
    }

    @Test("Attack: a passphrase is guessed a hundred times")
    func guessing() async throws {
        let kit = try await LegateKit.start()
        let opener = KitOpener(kit, passphrase: Self.passphrase)
        let http = try HTTPTester(try await kit.sealed(by: opener))
        var refused: [Int: Int] = [:]
        for _ in 0..<100 { refused[try await unseal(http, "wrong").status, default: 0] += 1 }
        #expect(refused == [403: 1, 429: 99])
        #expect(opener.attempts == 1)
        for _ in 0..<20 {
            kit.clock.advance(seconds: 61)
            #expect(try await unseal(http, "wrong").status == 403)
        }
        kit.clock.advance(seconds: 61)
        #expect(try await unseal(http).status == 200)
        let record = try #require(try await opener.last?.lastRecord())
        #expect(record.event.name == .vaultUnsealed)
        #expect(record.event.policyEvaluation?.reason == "21 attempts were refused before")
    }

    @Test("many who unseal at once derive once at a time")
    func atOnce() async throws {
        let kit = try await LegateKit.start()
        let opener = KitOpener(kit, passphrase: Self.passphrase)
        let http = try HTTPTester(try await kit.sealed(by: opener))
        let answers = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<20 { group.addTask { try await unseal(http).status } }
            return try await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(opener.attempts == 1)
        #expect(answers[200] ?? 0 >= 1)
        #expect(answers.keys.allSatisfy { $0 == 200 || $0 == 503 })
    }

    @Test("services run while the vault is open, and end with it")
    func services() async throws {
        let kit = try await LegateKit.start()
        let running = Mutex(0)
        let work = BackgroundService("work") {
            running.withLock { $0 += 1 }
            try? await Task.sleep(for: .seconds(600))
            running.withLock { $0 -= 1 }
        }
        let http = try HTTPTester(kit.sealable(services: [work, work]))
        for _ in 0..<200 where running.withLock({ $0 }) < 2 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(running.withLock { $0 } == 2)
        let admin = try await kit.adminToken()
        #expect(try await http.admin(.post, "/admin/vault/seal", token: admin).status == 200)
        #expect(running.withLock { $0 } == 0)
    }

    @Test("followers of the feed are let go when the server is sealed")
    func followers() async throws {
        let kit = try await LegateKit.start()
        let http = try HTTPTester(kit.sealable())
        let admin = try await kit.adminToken()
        let follower = try await kit.createAgent(
            "follower", scopes: ["revocations:read"], resources: [kit.server.registry.ownResources.revocations.uri],
            with: ["kind": "gateway"]
        )
        let gateway = Form.basic(follower.id.text, try #require(follower.secret))
        async let followed = http.send(
            .init(.get, "/revocations", headers: [("Authorization", gateway), ("Accept", "text/event-stream")]))
        for _ in 0..<400 where kit.server.revocationFeed.consumers == 0 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(kit.server.revocationFeed.consumers == 1)
        #expect(try await http.admin(.post, "/admin/vault/seal", token: admin).status == 200)
        #expect(try await followed.status == 200)
    }

    @Test("the metrics say whether the vault is sealed")
    func metrics() async throws {
        let kit = try await LegateKit.start()
        let http = try HTTPTester(try await kit.sealed(by: KitOpener(kit, passphrase: Self.passphrase)))
        #expect(try await http.get("/metrics").answer.text.contains("legate_vault_sealed 1\n"))
        #expect(try await unseal(http).status == 200)
        #expect(try await http.get("/metrics").answer.text.contains("legate_vault_sealed 0\n"))
    }
}

/// An opener whose root key file cannot be used.
private struct FailingOpener: ServerOpener {
    let opener: KitOpener
    let failure: VaultError

    func face() async throws -> PublicFace { try await opener.face() }
    func needsPassphrase() async throws -> Bool { try await opener.needsPassphrase() }
    func open(passphrase: Secret?) async throws -> OpenedServer { throw failure }
}
