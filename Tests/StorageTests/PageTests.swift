import OAuth
import Revocations
import Storage
import Support
import Testing

@Suite("Pages of registered things")
struct PageTests {
    private static let anything = DelegationFilter(now: Sample.time)

    private static func delegations(
        _ installation: Installation, _ narrow: (inout DelegationFilter) -> Void
    ) async throws -> [String] {
        var filter = anything
        narrow(&filter)
        return try await installation.store.page(of: .delegation, after: nil, limit: 100, filter: filter)
            .map(\.registered.identifier)
    }

    @Test("pages follow one another by identifier, without gap or repetition", arguments: Engine.allCases)
    func pages(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        let names = (0..<7).map { "client-\($0)" }
        for name in names.shuffled() { try await installation.commit(.create(.client(Sample.client(name)))) }
        var seen: [String] = []
        while true {
            let page = try await installation.store.page(of: .client, after: seen.last, limit: 3, filter: Self.anything)
            if page.isEmpty { break }
            #expect(page.count <= 3)
            seen += page.map(\.registered.identifier)
            for case .client(let client) in page { #expect(client == Sample.client(client.id.text)) }
        }
        #expect(seen == names)
    }

    @Test("every kind has pages; resources are ordered by name", arguments: Engine.allCases)
    func kinds(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(
            .create(.resource(Sample.resource("a", uri: World.orders))), .create(.resource(Sample.resource("b"))),
            .create(.issuer(try Sample.issuer())), .create(.rule(try Sample.rule())),
            .create(.delegation(try Sample.delegation()))
        )
        for (kind, expected) in [
            (RegistryKind.client, []), (.resource, ["a", "b"]), (.issuer, ["corp"]), (.rule, ["rule_1"]),
            (.delegation, ["dlg_1"]),
        ] {
            let page = try await installation.store.page(of: kind, after: nil, limit: 10, filter: Self.anything)
            #expect(page.map(\.registered.identifier) == expected)
        }
    }

    @Test("delegations are narrowed by client, subject and status", arguments: Engine.allCases)
    func filters(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        try await installation.commit(
            .create(.delegation(try Sample.delegation("a"))),
            .create(.delegation(try Sample.delegation("b", client: "worker"))),
            .create(.delegation(try Sample.delegation("c", issuer: "lab"))),
            .create(.delegation(try Sample.delegation("d", subject: "bob", expires: Sample.time))),
            .create(.delegation(try Sample.delegation("e", subject: "bob", revoked: Sample.time))),
            .create(.delegation(try Sample.delegation("f", subject: "lab|alice")))
        )
        func ids(_ narrow: (inout DelegationFilter) -> Void) async throws -> [String] {
            try await Self.delegations(installation, narrow)
        }
        #expect(try await ids { _ in } == ["a", "b", "c", "d", "e", "f"])
        #expect(try await ids { $0.clientID = World.id("worker") } == ["b"])
        #expect(try await ids { $0.subject = "alice" } == ["a", "b", "c"])
        #expect(try await ids { $0.subject = "corp|alice" } == ["a", "b"])
        // The bar may belong to the subject as well.
        #expect(try await ids { $0.subject = "lab|alice" } == ["c", "f"])
        #expect(try await ids { $0.status = .active } == ["a", "b", "c", "f"])
        #expect(try await ids { $0.status = .expired } == ["d"])
        #expect(try await ids { $0.status = .revoked } == ["e"])
        #expect(
            try await ids {
                $0.clientID = World.id("planner")
                $0.subject = "bob"
                $0.status = .expired
            } == ["d"]
        )
        let second = try await installation.store.page(of: .delegation, after: "b", limit: 2, filter: Self.anything)
        #expect(second.map(\.registered.identifier) == ["c", "d"])
    }

    @Test("tombstones come in order after a number", arguments: Engine.allCases)
    func revocations(_ engine: Engine) async throws {
        let installation = try await Installation.open(engine)
        for number in Int64(1)...4 { try await installation.commit(.revoke(Sample.revocation(number))) }
        let store = installation.store
        #expect(try await store.revocations(after: 0, limit: 10).map(\.sequence) == [1, 2, 3, 4])
        #expect(try await store.revocations(after: 2, limit: 10).map(\.sequence) == [3, 4])
        #expect(try await store.revocations(after: 1, limit: 2).map(\.sequence) == [2, 3])
        #expect(try await store.revocations(after: 4, limit: 10).isEmpty)
    }
}
