import JOSE
import Revocations
import Support
import Testing

@testable import OAuth

@Suite("Status lists as they are published")
struct StatusListPublisherTests {
    private func start() async throws -> LegateKit {
        let kit = try await LegateKit.start()
        try await kit.update(.resource, "calendar", ["status_list": true])
        kit.clock.nextSecond()
        return kit
    }

    /// The claims of a list, verified as a gateway does it.
    private func claims(_ list: StatusListID, _ kit: LegateKit) async throws -> JSONObject {
        let document = try #require(try await kit.server.statusLists.document(list, at: kit.clock.time))
        let jwt = try UnverifiedJWT(String(decoding: document.bytes, as: UTF8.self)).verified(
            with: kit.server.keys.published(at: kit.clock.time), types: .exactly("statuslist+jwt")
        )
        return jwt.claims
    }

    /// Expects that a list shows exactly these tokens as dead.
    private func expect(
        dead: [TokenResponse], in list: StatusListID, _ kit: LegateKit,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var bits = StatusBits(count: StatusLists.size)
        for token in dead { bits.setInvalid(try #require(token.token.status).index) }
        let shown = try await claims(list, kit)["status_list"]?.object?["lst"]?.string
        let expected = try bits.encoded()
        #expect(shown == expected, sourceLocation: sourceLocation)
    }

    @Test("a token of a resource that asks for it carries its place, and only such a token")
    func claim() async throws {
        let kit = try await start()
        let listed = try await kit.token(kit.planner)
        let status = try #require(listed.token.status)
        let payload = try UnverifiedJWT(listed.accessToken).claims
        #expect(
            payload["status"]?.object?["status_list"]?.object == [
                "idx": .integer(Int64(status.index)), "uri": .string("\(kit.issuer)/status-lists/\(status.list)"),
            ])
        #expect(try kit.server.verifier.verify(listed.accessToken, at: kit.clock.time).status == status)
        let plain = try await kit.token(kit.planner, for: World.orders)
        #expect(plain.token.status == nil)
        #expect(try UnverifiedJWT(plain.accessToken).claims["status"] == nil)
    }

    @Test("a list names itself, its age, and how long it may be kept")
    func document() async throws {
        let kit = try await start()
        let list = try #require(try await kit.token(kit.planner).token.status).list
        let claims = try await claims(list, kit)
        let now = kit.clock.time.seconds
        #expect(claims["iss"]?.string == kit.issuer.text)
        #expect(claims["sub"]?.string == "\(kit.issuer)/status-lists/\(list)")
        #expect(claims["iat"]?.integer == now && claims["ttl"]?.integer == 10 && claims["exp"]?.integer == now + 20)
        #expect(claims["status_list"]?.object?["bits"]?.integer == 1)
        #expect(kit.server.statusLists.uris == ["\(kit.issuer)/status-lists/\(list)"])
    }

    @Test("whatever kills a token shows at once, and nothing else does")
    func revocations() async throws {
        let kit = try await start()
        let delegation = try await kit.delegate(to: kit.planner)
        let own = try await kit.token(kit.planner, with: ["task_id": "t"])
        let delegated = try await kit.act(by: kit.planner)
        let signed = try await kit.token(kit.signer)
        let other = try await kit.token(kit.planner)
        let list = try #require(own.token.status).list
        try await expect(dead: [], in: list, kit)
        try await kit.end(.task, "planner/t")
        try await expect(dead: [own], in: list, kit)
        try await kit.revokeDelegation(delegation.id)
        try await expect(dead: [own, delegated], in: list, kit)
        try await kit.update(.client, "signer", ["enabled": false])
        try await expect(dead: [own, delegated, signed], in: list, kit)
        // A tombstone that nothing in the list carries changes nothing.
        try await kit.end(.client, "worker")
        try await expect(dead: [own, delegated, signed], in: list, kit)
        try await kit.update(.resource, "calendar", ["enabled": false])
        try await expect(dead: [own, delegated, signed, other], in: list, kit)
    }

    @Test("after a restart the list is as it was, and shows what is revoked from then on")
    func restart() async throws {
        let kit = try await start()
        let delegation = try await kit.delegate(to: kit.planner, mayAct: [kit.worker.id])
        let first = try await kit.token(kit.planner, with: ["session_id": "s", "agent_id": "i"])
        let second = try await kit.act(by: kit.planner, with: ["task_id": "t"])
        let dead = try await kit.token(kit.signer)
        try await kit.end(.client, "signer")
        let list = try #require(first.token.status).list
        let again = try await kit.restarted()
        #expect(again.server.registry.statusLists.tokens(in: list)?.count == 3)
        try await expect(dead: [dead], in: list, again)
        try await again.end(.session, "planner/s")
        try await expect(dead: [dead, first], in: list, again)
        try await again.revokeDelegation(delegation.id)
        try await expect(dead: [dead, first, second], in: list, again)
        #expect(try #require(try await again.token(again.worker).token.status).list != list)
    }

    @Test("the same bytes go out until they are old or something was revoked")
    func cached() async throws {
        let kit = try await start()
        let lists = kit.server.statusLists
        let list = try #require(try await kit.token(kit.planner).token.status).list
        func tag() async throws -> String { try #require(try await lists.document(list, at: kit.clock.time)).tag }
        let first = try await tag()
        kit.clock.advance(seconds: 9)
        #expect(try await tag() == first)
        _ = try await kit.token(kit.planner)
        #expect(try await tag() == first)
        kit.clock.advance(seconds: 1)
        let second = try await tag()
        #expect(second != first)
        try await kit.end(.token, "whichever")
        #expect(try await tag() != second)
    }

    @Test("many who ask at once, in a storm of revocations, all see what was revoked before they asked")
    func storm() async throws {
        let kit = try await start()
        let lists = kit.server.statusLists
        var tokens: [TokenResponse] = []
        for _ in 0..<8 { tokens.append(try await kit.token(kit.planner)) }
        let list = try #require(tokens.first?.token.status).list
        for (index, token) in tokens.enumerated() {
            try await kit.end(.token, token.token.identity.jti)
            let now = kit.clock.time
            let seen = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<10 {
                    group.addTask { try await lists.document(list, at: now)?.tag }
                }
                return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
            #expect(!seen.contains(nil))
            if index % 4 == 0 { try await expect(dead: Array(tokens[...index]), in: list, kit) }
        }
    }

    @Test("a list whose tokens have all expired is gone")
    func expired() async throws {
        let kit = try await start()
        let list = try #require(try await kit.token(kit.planner).token.status).list
        kit.clock.advance(seconds: 301)
        try await kit.server.prune()
        #expect(try await kit.server.statusLists.document(list, at: kit.clock.time) == nil)
        #expect(kit.server.statusLists.uris.isEmpty)
        #expect(try await kit.store.load(at: Timestamp(milliseconds: 0)).listedTokens.isEmpty)
    }

    @Test("a token that is not committed is in no list")
    func uncommitted() async throws {
        let kit = try await start()
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.token(kit.planner) }
        kit.store.fail(false)
        #expect(kit.server.registry.statusLists.count == 0)
        _ = try await kit.token(kit.planner)
        #expect(kit.server.registry.statusLists.count == 1)
    }
}
