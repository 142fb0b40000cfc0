import OAuth
import Storage
import Support
import Testing

@Suite("Connections in storage")
struct ConnectionTests {
    private static let name = LegateKit.secretName("a/b")
    private static let box = [UInt8](repeating: 1, count: 40)

    private static func secret() -> VaultSecret { VaultSecret(name: name, kind: .oauth, createdAt: Sample.time) }

    /// Every member set, so that a column that is forgotten shows.
    private static func whole(revision: Int = 1) throws -> Connection {
        Connection(
            id: try #require(ConnectionID("conn_1")), secret: name,
            provider: ConnectionProvider(
                authorizationEndpoint: "https://p.example/authorize", tokenEndpoint: "https://p.example/token",
                revocationEndpoint: "https://p.example/revoke", issuer: "https://p.example", clientID: "legate",
                authentication: .post, scopes: World.scopes("a b"),
                parameters: [.init(name: "access_type", value: "offline"), .init(name: "prompt", value: "\"")]
            ),
            owner: "corp|alice", account: "alice's", allowPrivateNetwork: true, status: .broken, reason: "because",
            connectedBy: World.id("operator"), connectedAt: Sample.time.adding(seconds: 1),
            refreshedAt: Sample.time.adding(seconds: 2), granted: World.scopes("a"),
            token: .init(
                version: 3, issuedAt: Sample.time.adding(seconds: 3), expiresAt: Sample.time.adding(seconds: 4)),
            box: box, boxVersion: 7,
            flow: .init(
                state: [UInt8](repeating: 2, count: 32), code: [UInt8](repeating: 3, count: 32),
                startedBy: World.id("planner"), startedFor: "corp|bob", expiresAt: Sample.time.adding(seconds: 5)
            ),
            createdAt: Sample.time.adding(seconds: 6), revision: revision
        )
    }

    private static func bare(_ id: String = "conn_2") throws -> Connection {
        Connection(
            id: try #require(ConnectionID(id)), secret: name,
            provider: ConnectionProvider(
                authorizationEndpoint: "https://p.example/authorize", tokenEndpoint: "https://p.example/token",
                clientID: "legate", authentication: .none
            ), box: box, boxVersion: 1, createdAt: Sample.time
        )
    }

    @Test("a connection comes back as it was, whole or bare", arguments: Engine.allCases)
    func roundTrip(_ engine: Engine) async throws {
        for connection in [try Self.whole(), try Self.bare()] {
            let installation = try await Installation.open(engine)
            let failure = try await installation.commit(
                .keepSecret(Self.secret(), from: nil), .keepConnection(connection, from: nil))
            #expect(failure == nil)
            #expect(try await installation.reopened().load().connections == [connection])
        }
    }

    @Test("a change is made from the revision that is stored, or not at all", arguments: Engine.allCases)
    func revisions(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let first = try Self.bare()
        #expect(try await installation.commit(.keepConnection(first, from: nil)) == .missing("a/b"))
        try await installation.commit(.keepSecret(Self.secret(), from: nil), .keepConnection(first, from: nil))
        #expect(try await installation.commit(.keepConnection(first, from: nil)) == .exists("a/b"))
        let second = try Self.whole(revision: 2)
        #expect(try await installation.commit(.keepConnection(second, from: 1)) == nil)
        #expect(try await installation.commit(.keepConnection(second, from: 1)) == .stale("a/b"))
        #expect(try await installation.commit(.dropConnection(Self.name, from: 1)) == .stale("a/b"))
        #expect(try await installation.load().connections == [second])
        #expect(try await installation.commit(.dropConnection(Self.name, from: 2)) == nil)
        #expect(try await installation.commit(.dropConnection(Self.name, from: 2)) == .missing("a/b"))
        #expect(try await installation.commit(.keepConnection(second, from: 2)) == .missing("a/b"))
        #expect(try await installation.load().secrets.count == 1)
    }

    @Test("a connection goes with its secret", arguments: Engine.allCases)
    func cascade(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(
            .keepSecret(Self.secret(), from: nil), .keepConnection(try Self.bare(), from: nil))
        #expect(try await installation.commit(.dropSecret(Self.name)) == nil)
        #expect(try await installation.load().connections.isEmpty)
    }
}
