import JOSE
import OAuth
import Revocations
import Storage
import Support
import Testing
import Vault

@Suite("What is stored comes back as it was")
struct RoundTripTests {
    @Test("a new database is empty", arguments: Engine.allCases)
    func empty(_ engine: Engine) async throws {
        let snapshot = try await Installation.open(engine).load()
        #expect(snapshot.clients.isEmpty && snapshot.resources.isEmpty && snapshot.issuers.isEmpty)
        #expect(snapshot.rules.isEmpty && snapshot.delegations.isEmpty && snapshot.recentRevocations.isEmpty)
        #expect(snapshot.closed.isEmpty && snapshot.signingKeys.isEmpty)
        #expect(snapshot.lastRevocation == 0 && snapshot.auditHead == .genesis)
    }

    @Test("clients keep every member, their secrets in order", arguments: Engine.allCases)
    func clients(_ engine: Engine) async throws {
        let made = [Sample.client(), Sample.bareClient("bare"), try Sample.clientWithKeys("signer")]
        let installation = try await Installation.open(engine)
        for client in made { #expect(try await installation.commit(.create(.client(client))) == nil) }
        let loaded = try await installation.reopened().load().clients
        #expect(loaded.sorted { $0.id < $1.id } == made.sorted { $0.id < $1.id })
        for client in loaded {
            if case .set(let keys, _) = client.keys { #expect(keys.keys.count == 2) }
        }
    }

    @Test("resources, issuers, rules and delegations keep every member", arguments: Engine.allCases)
    func others(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let plain = Resource(uri: World.orders, name: "orders", scopes: .empty, createdAt: Sample.time)
        let revoked = try Sample.delegation("dlg_2", revoked: Sample.time)
        let byURI = TrustedIssuer(
            name: try Sample.issuer("lab").name, url: try Sample.issuer("lab").url,
            keys: .uri("https://lab.example.com/jwks"), createdAt: Sample.time
        )
        let failure = try await installation.commit(
            .create(.resource(Sample.resource())), .create(.resource(plain)), .create(.issuer(try Sample.issuer())),
            .create(.issuer(byURI)), .create(.rule(try Sample.rule())), .create(.delegation(try Sample.delegation())),
            .create(.delegation(revoked))
        )
        #expect(failure == nil)
        let snapshot = try await installation.reopened().load()
        #expect(snapshot.resources.sorted { $0.name < $1.name } == [Sample.resource(), plain])
        #expect(snapshot.issuers.sorted { $0.name < $1.name } == [try Sample.issuer(), byURI])
        #expect(snapshot.rules == [try Sample.rule()])
        #expect(snapshot.delegations.sorted { $0.id < $1.id } == [try Sample.delegation(), revoked])
    }

    @Test("rules come back in the order in which they were allowed", arguments: Engine.allCases)
    func ruleOrder(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let second = try Sample.rule("rule_a", created: Sample.later)
        try await installation.commit(.create(.rule(second)), .create(.rule(try Sample.rule("rule_z"))))
        #expect(try await installation.load().rules.map(\.id.text) == ["rule_z", "rule_a"])
    }

    @Test("keys, tombstones, closed names and the head of the trail come back", arguments: Engine.allCases)
    func ledger(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let keys = [Sample.signingKey(), Sample.signingKey("key-2", revoked: Sample.time)]
        let tombstones = [Sample.revocation(1), Sample.revocation(2, .token, "jti-1", reason: nil)]
        try await installation.commit(
            .addKey(keys[0]), .addKey(keys[1]), .revoke(tombstones[0]), .revoke(tombstones[1]),
            .close(.task, id: "planner/t", until: Sample.later), .close(.agent, id: "planner/a", until: nil),
            audit: [Sample.fullEvent]
        )
        let head = installation.head
        let again = try await installation.reopened()
        let snapshot = try await again.load()
        #expect(snapshot.signingKeys == keys)
        #expect(
            snapshot.recentRevocations == tombstones && snapshot.revocations.count == 2 && snapshot.lastRevocation == 2)
        #expect(Set(snapshot.closed.map(\.id)) == ["planner/t", "planner/a"])
        for closed in snapshot.closed { #expect(closed.until == (closed.kind == .task ? Sample.later : nil)) }
        #expect(snapshot.auditHead == head && head.sequence == 1)
        let stored = try #require(await again.store.auditHead())
        #expect(stored.head == head && stored.head.matches(mac: stored.code, key: installation.auditKey))
    }

    @Test(
        "the latest iat is kept, replaced by an earlier one too, and left alone by a commit without one",
        arguments: Engine.allCases)
    func lastIssued(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        #expect(try await installation.load().lastIssued == nil)
        for (given, kept) in [(nil, nil), (1_700_000_900, 1_700_000_900), (nil, 1_700_000_900), (5, 5)]
            as [(Int64?, Int64?)]
        {
            _ = try await installation.commit([Entry(audit: [Sample.fullEvent])], lastIssued: given)
            #expect(try await installation.load().lastIssued == kept)
        }
        #expect(try await installation.reopened().load().lastIssued == 5)
    }

    @Test("what has expired stays on disk and out of memory", arguments: Engine.allCases)
    func expired(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(
            .revoke(Sample.revocation(1, expires: Sample.time)), .revoke(Sample.revocation(2)),
            .close(.task, id: "planner/t", until: Sample.time), .close(.task, id: "planner/u", until: Sample.later),
            .create(.delegation(try Sample.delegation("dlg_old", expires: Sample.time))),
            .create(.delegation(try Sample.delegation("dlg_new")))
        )
        let snapshot = try await installation.load()
        #expect(snapshot.recentRevocations.map(\.sequence) == [2])
        #expect(snapshot.closed.map(\.id) == ["planner/u"])
        #expect(snapshot.delegations.map(\.id.text) == ["dlg_new"])
    }
}
