import OAuth
import Revocations
import Storage
import Support
import Testing

@Suite("Forgetting what has expired")
struct PruneTests {
    @Test("expired things go, live ones stay", arguments: Engine.allCases)
    func prune(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(
            .revoke(Sample.revocation(1, expires: Sample.time)), .revoke(Sample.revocation(2)),
            .spend(Sample.spend(1, expires: Sample.time)), .spend(Sample.spend(2)),
            .close(.task, id: "p/old", until: Sample.time), .close(.task, id: "p/new", until: Sample.later),
            .close(.agent, id: "p/ever", until: nil), .create(.client(Sample.client())), .leasesSwept(through: 2)
        )
        try await installation.store.prune(at: Sample.time)
        #expect(try await installation.store.revocations(after: 0, limit: 10).map(\.sequence) == [2])
        #expect(Set(try await installation.load(at: .init(milliseconds: 0)).closed.map(\.id)) == ["p/new", "p/ever"])
        #expect(try await installation.commit(.spend(Sample.spend(1))) == nil)
        #expect(try await installation.commit(.spend(Sample.spend(2))) == .spent)
        #expect(try await installation.load().clients == [Sample.client()])
    }

    @Test("tombstones are numbered on when all have gone", arguments: Engine.allCases)
    func numbering(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(
            .revoke(Sample.revocation(7)), .revoke(Sample.revocation(8)), .leasesSwept(through: 2))
        try await installation.store.prune(at: Sample.later)
        let snapshot = try await installation.reopened().load()
        #expect(snapshot.revocations.count == 0 && snapshot.recentRevocations.isEmpty && snapshot.lastRevocation == 2)
    }

    @Test("a tombstone stays until leases were compared with it", arguments: Engine.allCases)
    func unswept(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(
            .revoke(Sample.revocation(1, expires: Sample.time)), .revoke(Sample.revocation(2, expires: Sample.time)),
            .leasesSwept(through: 1)
        )
        try await installation.store.prune(at: Sample.later)
        #expect(try await installation.store.revocationsToSweep().map(\.sequence) == [2])
    }

    @Test("expired delegations stay listed for ninety days", arguments: Engine.allCases)
    func delegations(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(
            .create(.delegation(try Sample.delegation("a", expires: Sample.time))),
            .create(.delegation(try Sample.delegation("b", expires: Sample.later)))
        )
        func left() async throws -> [String] {
            try await installation.store.page(
                of: .delegation, after: nil, limit: 10, filter: DelegationFilter(now: Sample.time)
            ).map(\.registered.identifier)
        }
        try await installation.store.prune(at: Sample.time.adding(seconds: 90 * 86_400 - 1))
        #expect(try await left() == ["a", "b"])
        try await installation.store.prune(at: Sample.time.adding(seconds: 90 * 86_400))
        #expect(try await left() == ["b"])
    }

    @Test("more than one transaction forgets are forgotten", arguments: Engine.allCases)
    func many(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let entries = (1...2500).map { Entry(changes: [.revoke(Sample.revocation(Int64($0), expires: Sample.time))]) }
        _ = try await installation.commit(entries + [Entry(changes: [.leasesSwept(through: 2500)])])
        try await installation.store.prune(at: Sample.later)
        #expect(try await installation.store.revocations(after: 0, limit: 10).isEmpty)
    }
}
