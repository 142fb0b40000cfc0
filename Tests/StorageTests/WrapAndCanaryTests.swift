import GRDB
import OAuth
import Revocations
import Support
import Testing

@testable import Storage

@Suite("References and canaries in storage")
struct WrapAndCanaryTests {
    private static let name = LegateKit.secretName("a")
    private static let digest = [UInt8](repeating: 7, count: 32)
    private static let box = [UInt8](repeating: 1, count: 40)

    private static func lease() throws -> Lease {
        Lease(
            id: .make(at: Sample.time), secret: name, version: 1, rule: try #require(RuleID("rule_1")),
            identity: TokenIdentity(jti: "t", issuedAt: 7, subject: "planner", clientID: World.id("planner")),
            issuedAt: Sample.time, expiresAt: Sample.time.adding(seconds: 60)
        )
    }

    private static func wrap(_ lease: Lease, user: String? = "corp|alice") -> Wrap {
        Wrap(
            digest: digest, lease: lease.id, secret: name, wrappedBy: World.id("planner"), wrappedFor: user,
            createdAt: Sample.time, expiresAt: Sample.time.adding(seconds: 30)
        )
    }

    private static func opening(_ lease: Lease, after seconds: Int = 1, revision: Int = 1) -> WrapOpening {
        WrapOpening(
            digest: digest, at: Sample.time.adding(seconds: seconds), by: World.id("worker"), lease: lease,
            revision: revision
        )
    }

    /// A secret with one version, and a reference to it.
    private static func wrapped(_ engine: Engine) async throws -> (Installation, Lease) {
        let installation = try await Installation.open(engine)
        let lease = try lease()
        let secret = VaultSecret(name: name, kind: .static, current: 1, latest: 1, createdAt: Sample.time)
        try await installation.commit(
            .keepSecret(secret, from: nil),
            .addVersion(name, SecretVersion(number: 1, box: box, createdAt: Sample.time)), .release(lease, at: 1),
            .keepWrap(wrap(lease))
        )
        return (installation, lease)
    }

    @Test("a reference comes back as it was, and says who opened it", arguments: Engine.allCases)
    func roundTrip(_ engine: Engine) async throws {
        let (installation, lease) = try await Self.wrapped(engine)
        #expect(try await installation.reopened().store.wrap(Self.digest) == Self.wrap(lease))
        let (again, other) = try await Self.wrapped(engine)
        try await again.commit(.openWrap(Self.opening(other)))
        let found = try #require(try await again.store.wrap(Self.digest))
        #expect(found.openedAt == Sample.time.adding(seconds: 1) && found.openedBy == World.id("worker"))
        #expect(try await again.store.wrap([UInt8](repeating: 8, count: 32)) == nil)
    }

    @Test("the second opening finds it spent, and so does one that comes too late", arguments: Engine.allCases)
    func once(_ engine: Engine) async throws {
        let (installation, lease) = try await Self.wrapped(engine)
        #expect(try await installation.commit(.openWrap(Self.opening(lease, after: 30))) == .spent)
        try await installation.commit(.openWrap(Self.opening(lease)))
        #expect(try await installation.commit(.openWrap(Self.opening(lease))) == .spent)
    }

    @Test("an ended lease, another revision and a version that went all refuse, and spend nothing")
    func refused() async throws {
        let (installation, lease) = try await Self.wrapped(.sqlite)
        #expect(try await installation.commit(.openWrap(Self.opening(lease, revision: 2))) == .stale("a"))
        try await installation.commit(.setVersion(Self.name, 1, .deleted, readableUntil: nil))
        #expect(try await installation.commit(.openWrap(Self.opening(lease))) == .missing("a version 1"))
        try await installation.commit(.setVersion(Self.name, 1, .live, readableUntil: nil))
        try await installation.commit(.endLease(lease.id, at: Sample.time, reason: "over"))
        #expect(try await installation.commit(.openWrap(Self.opening(lease))) == .spent)
        #expect(try await installation.store.wrap(Self.digest)?.openedAt == nil)
    }

    @Test("a canary comes back as it was, with what was seen of it", arguments: Engine.allCases)
    func canaries(_ engine: Engine) async throws {
        let id = try #require(CanaryID("canary_1"))
        let canary = Canary(
            id: id, kind: .apiKey, digest: Self.digest, plantedIn: "the wiki", createdAt: Sample.time)
        let installation = try await Installation.open(engine)
        try await installation.commit(.plant(canary))
        try await installation.commit(.canarySeen(CanarySighting(id: id, at: Sample.time, uses: 2)))
        let later = Sample.time.adding(seconds: 60)
        try await installation.commit(.canarySeen(CanarySighting(id: id, at: later, uses: 3)))
        var expected = canary
        expected.uses = 5
        expected.firstUsed = Sample.time
        expected.lastUsed = later
        let again = try await installation.reopened()
        #expect(try await again.load().canaries == [expected])
        try await again.commit(.unplant(id))
        #expect(try await again.load().canaries.isEmpty)
        #expect(try await again.commit(.unplant(id)) == .missing("canary_1"))
        #expect(try await again.commit(.canarySeen(CanarySighting(id: id, at: later, uses: 1))) == .missing("canary_1"))
    }

    @Test("resources that were registered before keep every member when third parties become a kind")
    func migration() throws {
        let directory = try TemporaryDirectory()
        let queue = try DatabaseQueue(path: directory.path + "/x.db")
        let before = Schema.migrations.filter { $0.version < 12 }
        try queue.writeWithoutTransaction { database in
            try Schema.migrate(database, path: "x.db", before)
            try database.execute(
                sql: """
                    INSERT INTO resources VALUES
                    ('https://a.example.com', 'a', 'mcp', 0, 'x y', 'RS256', 60, 1, 5, 7, 'count', 1)
                    """
            )
            try Schema.migrate(database, path: "x.db")
        }
        let row = try queue.read { try Row.fetchOne($0, sql: ResourceRecord.table.select) }
        let values = try #require(row).map { "\($0.0)=\($0.1.storage.value ?? "")" }.joined(separator: " ")
        #expect(
            values.hasPrefix(
                """
                uri=https://a.example.com name=a kind=mcp enabled=0 scopes=x y signing_alg=RS256 token_ttl=60 \
                include_agent_claim=1 created_at=5 revision=7 check_audit=count status_list=1
                """
            )
        )
    }
}
