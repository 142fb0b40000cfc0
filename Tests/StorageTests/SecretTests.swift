import OAuth
import Storage
import Support
import Testing

@Suite("Secrets in storage")
struct SecretTests {
    private static func name(_ text: String) -> SecretName { LegateKit.secretName(text) }

    private static func rule(_ id: String) throws -> SecretRule {
        SecretRule(
            id: try #require(RuleID(id)), client: World.id("planner"), subject: "corp|alice", scope: "calendar.read",
            resource: World.calendar
        )
    }

    /// Every member set, so that a column that is forgotten shows.
    private static func secret(_ text: String = "a/b", revision: Int = 1) throws -> VaultSecret {
        VaultSecret(
            name: name(text), kind: .client, client: World.id("planner"), description: "the key",
            resource: World.orders,
            rules: [try rule("rule_1"), try rule("rule_2")], leaseTTL: 60,
            rotation: SecretRotation(
                every: 7200, grace: 600, length: 48, webhook: "https://hook.example.com/x", allowPrivateNetwork: true,
                onRevokedLease: true
            ),
            injection: SecretInjection(header: "X-Key", format: "Key {secret}"), current: 2, latest: 3,
            createdAt: Sample.time, revision: revision
        )
    }

    private static func bare(_ text: String, revision: Int = 1) -> VaultSecret {
        VaultSecret(name: name(text), kind: .static, latest: 3, createdAt: Sample.time, revision: revision)
    }

    private static let box = [UInt8](repeating: 1, count: 40)

    private static func lease(_ second: Int, of text: String = "a", version: Int = 1) throws -> Lease {
        let time = Sample.time.adding(seconds: second)
        return Lease(
            id: .make(at: time), secret: name(text), version: version, rule: try #require(RuleID("rule_1")),
            identity: TokenIdentity(
                jti: "t", issuedAt: 7, keyID: "k", subject: "corp|alice", clientID: World.id("planner"),
                agentID: "planner/one", delegationID: DelegationID("dlg_1"),
                task: QualifiedName("t-1", of: World.id("planner")),
                session: QualifiedName("s-1", of: World.id("planner")),
                actors: ActorChain(Actor(clientID: World.id("planner"), agentID: "planner/one"))
            ),
            issuedAt: time, expiresAt: time.adding(seconds: 60)
        )
    }

    @Test("a definition comes back as it was, with its rules in order", arguments: Engine.allCases)
    func roundTrip(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let (first, second) = (try Self.secret(), Self.bare("b"))
        try await installation.commit(.keepSecret(first, from: nil), .keepSecret(second, from: nil))
        #expect(try await installation.reopened().load().secrets == [first, second])
    }

    @Test("a definition changes from its revision alone", arguments: Engine.allCases)
    func revisions(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        #expect(try await installation.commit(.keepSecret(Self.bare("a"), from: nil)) == nil)
        #expect(try await installation.commit(.keepSecret(Self.bare("a"), from: nil)) == .exists("a"))
        #expect(try await installation.commit(.keepSecret(Self.bare("a", revision: 2), from: 2)) == .stale("a"))
        #expect(try await installation.commit(.keepSecret(try Self.secret("a", revision: 2), from: 1)) == nil)
        #expect(try await installation.commit(.keepSecret(Self.bare("x"), from: 1)) == .missing("x"))
        #expect(try await installation.load().secrets == [try Self.secret("a", revision: 2)])
        #expect(try await installation.commit(.dropSecret(Self.name("a"))) == nil)
        #expect(try await installation.commit(.dropSecret(Self.name("a"))) == .missing("a"))
    }

    @Test(
        "what is released must be readable at that moment, and the definition the one decided on",
        arguments: Engine.allCases)
    func releases(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let a = Self.name("a")
        func version(_ number: Int, _ state: SecretVersion.State, until: Timestamp? = nil) -> Change {
            .addVersion(
                a,
                SecretVersion(
                    number: number, state: state, box: Self.box, createdAt: Sample.time, readableUntil: until
                )
            )
        }
        try await installation.commit(
            .keepSecret(Self.bare("a"), from: nil), version(1, .live), version(2, .pending), version(3, .deleted),
            version(4, .live, until: Sample.time.adding(seconds: 10))
        )
        #expect(try await installation.commit(version(1, .live)) == .exists("a version 1"))
        #expect(try await installation.commit(.release(try Self.lease(0), at: 1)) == nil)
        #expect(try await installation.commit(.release(try Self.lease(0, version: 2), at: 1)) == nil)
        #expect(
            try await installation.commit(.release(try Self.lease(0, version: 3), at: 1)) == .missing("a version 3")
        )
        #expect(try await installation.commit(.release(try Self.lease(9, version: 4), at: 1)) == nil)
        #expect(
            try await installation.commit(.release(try Self.lease(10, version: 4), at: 1)) == .missing("a version 4")
        )
        #expect(try await installation.commit(.release(try Self.lease(0), at: 2)) == .stale("a"))
        #expect(try await installation.commit(.release(try Self.lease(0, of: "b"), at: 1)) == .missing("b"))
        #expect(try await installation.commit(.setVersion(a, 1, .destroyed, readableUntil: nil)) == nil)
        #expect(try await installation.commit(.setVersion(a, 1, .live, readableUntil: nil)) == .missing("a version 1"))
        #expect(try await installation.store.secretBox(of: a, version: 1) == nil)
        #expect(
            try await installation.store.secretVersions(of: a).map(\.state) == [.destroyed, .pending, .deleted, .live]
        )
        #expect(try await installation.store.leases(of: a, after: nil, limit: 9, at: Sample.time).count == 3)
    }

    @Test(
        "a lease comes back as it was, ends once, and is forgotten when its time has passed",
        arguments: Engine.allCases)
    func leases(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let store = installation.store
        let (one, two) = (try Self.lease(0), try Self.lease(1))
        try await installation.commit(
            .keepSecret(Self.bare("a"), from: nil),
            .addVersion(Self.name("a"), SecretVersion(number: 1, box: Self.box, createdAt: Sample.time)),
            .release(one, at: 1), .release(two, at: 1)
        )
        #expect(try await store.lease(one.id) == one)
        #expect(try await store.leases(of: nil, after: one.id, limit: 9, at: Sample.time) == [two])
        try await installation.commit(.endLease(one.id, at: Sample.time, reason: "first"))
        try await installation.commit(.endLease(one.id, at: Sample.later, reason: "second"))
        #expect(try await store.lease(one.id)?.endReason == "first")
        #expect(try await store.leases(of: nil, after: nil, limit: 9, at: Sample.time) == [two])
        try await store.prune(at: one.expiresAt)
        #expect(try await store.lease(one.id) == nil)
        #expect(try await store.lease(two.id) == two)
    }

    @Test("all leases of a secret end in one change, and those of no other", arguments: Engine.allCases)
    func allLeases(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        for name in ["a", "b"] {
            try await installation.commit(
                .keepSecret(Self.bare(name), from: nil),
                .addVersion(Self.name(name), SecretVersion(number: 1, box: Self.box, createdAt: Sample.time))
            )
        }
        let (one, two, other) = (try Self.lease(0), try Self.lease(1), try Self.lease(0, of: "b"))
        try await installation.commit(.release(one, at: 1), .release(two, at: 1), .release(other, at: 1))
        try await installation.commit(.endLease(one.id, at: Sample.time, reason: "by hand"))
        try await installation.commit(.endLeases(of: Self.name("a"), at: Sample.time, reason: "all"))
        #expect(try await installation.store.lease(one.id)?.endReason == "by hand")
        #expect(try await installation.store.lease(two.id)?.endReason == "all")
        #expect(try await installation.store.lease(other.id) == other)
    }
}
