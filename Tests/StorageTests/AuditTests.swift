import OAuth
import Storage
import Support
import Testing
import Vault

@Suite("The audit trail in the database")
struct AuditTests {
    @Test("records come back as they were linked, with and without every member", arguments: Engine.allCases)
    func roundTrip(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let events = [Sample.fullEvent, Sample.bareEvent, Sample.issued("a"), Sample.fullEvent]
        var chain = AuditChain(head: .genesis)
        let expected = events.map { chain.append($0) }
        try await installation.commit(audit: Array(events.prefix(3)))
        try await installation.commit(audit: Array(events.suffix(1)))
        #expect(try await installation.trail() == expected)
        #expect(try await installation.store.auditRecords(matching: AuditQuery()) == expected)
        #expect(try await installation.trail(from: 3) == Array(expected.dropFirst(2)))
        #expect(try await installation.trail(from: 5).isEmpty)
        #expect(try await installation.verification().valid)
    }

    @Test("every filter narrows", arguments: Engine.allCases)
    func filters(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await Self.fill(installation)
        for (name, wanted, narrow) in Self.cases {
            var query = AuditQuery()
            narrow(&query)
            let found = try await installation.store.auditRecords(matching: query).map(\.sequence)
            #expect(found == wanted, "\(name)")
        }
    }

    /// Five records that differ in everything that can be asked for.
    static func fill(_ installation: Installation) async throws {
        var refused = Sample.bareEvent
        refused.clientID = "worker"
        refused.timestamp += 10_000
        var named = Sample.fullEvent
        named.delegatingUser = "corp|bob"
        named.delegationID = "dlg_9"
        named.taskID = "planner/t9"
        try await installation.commit(
            audit: [Sample.issued("a"), Sample.issued("b", client: "worker"), named, refused, Sample.issued("a")]
        )
    }

    static let cases: [(name: String, wanted: [Int64], narrow: @Sendable (inout AuditQuery) -> Void)] = [
        ("all", [1, 2, 3, 4, 5], { _ in }),
        ("client", [2, 4], { $0.clientID = "worker" }),
        ("subject", [3], { $0.subject = "corp|bob" }),
        ("delegation", [3], { $0.delegationID = "dlg_9" }),
        ("task", [3], { $0.taskID = "planner/t9" }),
        ("jti", [1, 5], { $0.jti = "a" }),
        ("target", [3], { $0.target = "client/agent-b" }),
        ("deny", [4], { $0.decision = .deny }),
        ("allow", [1, 2, 3, 5], { $0.decision = .allow }),
        ("since", [4], { $0.since = Sample.time.adding(seconds: 10) }),
        ("after", [3, 4, 5], { $0.after = 2 }),
        ("limit", [1, 2], { $0.limit = 2 }),
        (
            "newest", [4, 5],
            {
                $0.limit = 2
                $0.newest = true
            }
        ),
        (
            "newest of one kind", [1, 5],
            {
                $0.jti = "a"
                $0.limit = 3
                $0.newest = true
            }
        ),
        (
            "several at once", [5],
            {
                $0.clientID = "planner"
                $0.jti = "a"
                $0.after = 1
            }
        ),
        ("nobody", [], { $0.clientID = "Worker" }),
        ("no limit", [], { $0.limit = 0 }),
    ]

    @Test("the extent says what is in the database", arguments: Engine.allCases)
    func extent(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let empty = try await installation.store.auditExtent()
        #expect(empty.firstSequence == 0 && empty.lastSequence == 0 && empty.firstTimestamp == nil)
        try await Self.fill(installation)
        let extent = try await installation.store.auditExtent()
        #expect(extent.firstSequence == 1 && extent.lastSequence == 5 && extent.firstTimestamp == Sample.time)
        #expect(extent.bytes > 0)
    }

    @Test("more records than one read holds are streamed in order", arguments: Engine.allCases)
    func stream(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        for _ in 0..<3 {
            _ = try await installation.commit((0..<500).map { Entry(audit: [Sample.issued("jti-\($0)")]) })
        }
        #expect(try await installation.trail().map(\.sequence) == Array(1...1500))
        #expect(try await installation.trail(from: 777).map(\.sequence) == Array(777...1500))
        #expect(try await installation.verification().valid)
    }

    @Test("reading stops when the reader has had enough", arguments: Engine.allCases)
    func stopped(_ engine: Engine) async throws {
        struct Enough: Error {}
        let installation = try await Installation.open(engine)
        try await Self.fill(installation)
        await #expect(throws: Enough.self) {
            try await installation.store.forEachAuditRecord(from: 1) { if $0.sequence == 2 { throw Enough() } }
        }
    }
}
