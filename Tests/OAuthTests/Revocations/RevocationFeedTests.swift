import Crypto
import JOSE
import Revocations
import Support
import Testing

@testable import OAuth

@Suite("The revocation feed")
struct RevocationFeedTests {
    private static func verified(_ link: RevocationFeed.Link, by kit: LegateKit) throws -> RevocationBatch {
        let jwt = try UnverifiedJWT(link.jws, maximumLength: 4_000_000).verified(
            with: kit.server.keys.published(at: kit.clock.time), types: .exactly(RevocationBatch.type)
        )
        return try RevocationBatch(jwt)
    }

    @Test("each batch is signed, follows on the one before, and names it")
    func chain() async throws {
        let kit = try await LegateKit.start()
        let feed = kit.server.revocationFeed
        for number in 1...5 { _ = try await kit.end(.token, "t\(number)", reason: "leaked") }
        var after: Int64 = 0
        var last: String?
        for number in Int64(1)...5 {
            let link = try #require(try feed.link(after: after))
            let batch = try Self.verified(link, by: kit)
            #expect(batch == link.batch)
            #expect(batch.issuer == kit.server.issuer.text)
            #expect(batch.after == after && batch.next == number)
            #expect(batch.entries.map(\.id) == ["t\(number)"] && batch.entries.map(\.sequence) == [number])
            #expect(batch.entries.first?.reason == "leaked")
            #expect(batch.previous == last)
            last = Base64URL.encode(Array(SHA256.hash(data: Array(link.jws.utf8))))
            after = batch.next
        }
        #expect(try feed.link(after: after) == nil)
        #expect(feed.head == 5)
    }

    @Test("one that waits is woken by the revocation, before or with the answer of who revoked")
    func wakes() async throws {
        let kit = try await LegateKit.start()
        let feed = kit.server.revocationFeed
        let waiting = Task { try await feed.next(after: 0) }
        while feed.consumers == 0 { await Task.yield() }
        _ = try await kit.end(.client, "planner")
        guard case .batch(let link) = try await waiting.value else {
            Issue.record("no batch")
            return
        }
        #expect(link.batch.entries.map(\.id) == ["planner"])
    }

    @Test("a thousand that wait are all woken, and nothing is kept for them")
    func many() async throws {
        let kit = try await LegateKit.start()
        let feed = kit.server.revocationFeed
        let consumers = (0..<1000).map { _ in Task { try await feed.next(after: 0) } }
        while feed.consumers < 1000 { await Task.yield() }
        _ = try await kit.end(.task, "planner/t")
        for consumer in consumers {
            guard case .batch(let link) = try await consumer.value else {
                Issue.record("no batch")
                return
            }
            #expect(link.batch.next == 1)
        }
        #expect(feed.consumers == 0)
    }

    @Test("a heartbeat is a signed batch without entries at the head")
    func heartbeat() async throws {
        let kit = try await LegateKit.start()
        let feed = kit.server.revocationFeed
        _ = try await kit.end(.token, "t")
        let waiting = Task { try await feed.next(after: 1) }
        while feed.consumers == 0 { await Task.yield() }
        try feed.beat(at: kit.clock.time)
        guard case .heartbeat(let link) = try await waiting.value else {
            Issue.record("no heartbeat")
            return
        }
        let batch = try Self.verified(link, by: kit)
        #expect(batch.after == 1 && batch.next == 1 && batch.entries.isEmpty && batch.previous == nil)
        #expect(batch.issuedAt == kit.clock.time.seconds)
    }

    @Test("the end of a key is told with its successor, and nothing is served that the old one signed")
    func key() async throws {
        let kit = try await LegateKit.start()
        let feed = kit.server.revocationFeed
        _ = try await kit.end(.token, "t")
        let old = try #require(kit.server.keys.active(.es256, at: kit.clock.time)?.keyID)
        _ = try await kit.end(.key, old)
        let link = try #require(try feed.link(after: 1))
        #expect(try Self.verified(link, by: kit).entries.map(\.id) == [old])
        #expect(throws: RevocationFeed.SnapshotRequired()) { try feed.link(after: 0) }
        let page = try await feed.snapshot(after: 0, limit: 10, from: kit.store, at: kit.clock.time)
        #expect(page["next"] == .integer(2))
    }

    @Test("one that waits when the server ends is let go, and so is one that comes later")
    func end() async throws {
        let kit = try await LegateKit.start()
        let feed = kit.server.revocationFeed
        let waiting = Task { try await feed.next(after: 0) }
        while feed.consumers == 0 { await Task.yield() }
        feed.end()
        guard case .ended = try await waiting.value, case .ended = try await feed.next(after: 0) else {
            Issue.record("still there")
            return
        }
    }

    @Test("one that gives up waiting is forgotten")
    func cancelled() async throws {
        let kit = try await LegateKit.start()
        let feed = kit.server.revocationFeed
        let waiting = Task { try await feed.next(after: 0) }
        while feed.consumers == 0 { await Task.yield() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(feed.consumers == 0)
    }

    @Test("one that is ahead of the feed, or too far behind, is sent to the snapshot, never served with a gap")
    func snapshotRequired() async throws {
        let kit = try await LegateKit.start()
        let feed = kit.server.revocationFeed
        #expect(throws: RevocationFeed.SnapshotRequired()) { try feed.link(after: 1) }
        let flood = (1...20_000).map {
            Revocation(.token, "t\($0)", at: kit.clock.time).numbered(Int64($0))
        }
        feed.publish(flood, at: kit.clock.time)
        #expect(feed.head == 20_000)
        #expect(throws: RevocationFeed.SnapshotRequired()) { try feed.link(after: 0) }
        var after: Int64 = 10_000
        var count = 0
        while let link = try feed.link(after: after) {
            #expect(link.batch.entries.count <= RevocationFeed.largestBatch)
            #expect(link.batch.after <= after)
            count += link.batch.entries.filter { $0.sequence > after }.count
            after = link.batch.next
        }
        #expect(count == 10_000 && after == 20_000)
    }

    @Test("after a restart a consumer goes on from its number and misses nothing")
    func restart() async throws {
        let kit = try await LegateKit.start()
        for number in 1...3 { _ = try await kit.end(.token, "t\(number)") }
        let again = try await kit.restarted()
        let link = try #require(try again.server.revocationFeed.link(after: 1))
        #expect(link.batch.after <= 1 && link.batch.next == 3)
        #expect(link.batch.previous == nil)
        #expect(link.batch.entries.filter { $0.sequence > 1 }.map(\.id) == ["t2", "t3"])
        _ = try await again.end(.token, "t4")
        let next = try #require(try again.server.revocationFeed.link(after: 3))
        #expect(next.batch.after == 3)
        #expect(next.batch.previous == Base64URL.encode(Array(SHA256.hash(data: Array(link.jws.utf8)))))
    }

    @Test("when everything has expired, a consumer is led to the head all the same")
    func expired() async throws {
        let kit = try await LegateKit.start()
        for number in 1...3 { _ = try await kit.end(.token, "t\(number)") }
        kit.clock.advance(seconds: 2 * TokenLifetime.ceiling)
        let again = try await kit.restarted()
        let link = try #require(try again.server.revocationFeed.link(after: 1))
        #expect(link.batch.entries.isEmpty && link.batch.next == 3)
        #expect(try again.server.revocationFeed.link(after: 3) == nil)
    }

    @Test("the pages of a snapshot lead to the head, with everything that lives")
    func snapshot() async throws {
        let kit = try await LegateKit.start()
        for number in 1...7 { _ = try await kit.end(.token, "t\(number)") }
        let feed = kit.server.revocationFeed
        let page = try await feed.snapshot(after: 2, limit: 10, from: kit.store, at: kit.clock.time)
        #expect(page["after"] == .integer(2) && page["next"] == .integer(7) && page["head"] == .integer(7))
        #expect(page["entries"]?.array?.compactMap { $0.object?["id"]?.string } == (3...7).map { "t\($0)" })
        let first = try await feed.snapshot(after: 0, limit: 4, from: kit.store, at: kit.clock.time)
        #expect(first["next"] == .integer(4) && first["head"] == .integer(7))
        await #expect(throws: RevocationFeed.SnapshotRequired()) {
            try await feed.snapshot(after: 8, limit: 10, from: kit.store, at: kit.clock.time)
        }
    }

    @Test("a revocation that could not be committed is not in the feed, and leaves no hole")
    func failed() async throws {
        let kit = try await LegateKit.start()
        let spend = Spend(digest: [UInt8](repeating: 1, count: 32), expires: kit.clock.time.adding(seconds: 60))
        try await kit.server.ledger.commit(Entry(changes: [.spend(spend)]))
        await #expect(throws: CommitFailure.spent) {
            try await kit.server.ledger.commit(
                Entry(changes: [.revoke(Revocation(.token, "no", at: kit.clock.time)), .spend(spend)])
            )
        }
        #expect(kit.server.revocationFeed.head == 0)
        let entered = try await kit.end(.token, "yes")
        #expect(entered.sequence == 1)
    }

    @Test("a client may follow while it is enabled, of the right kind and has the scope")
    func access() async throws {
        let kit = try await LegateKit.start()
        let feed = kit.server.registry.ownResources.revocations.uri
        for (kind, scopes, may) in [
            ("gateway", "revocations:read", true), ("resource", "revocations:read", true),
            ("agent", "revocations:read", false),
        ] {
            let id = "\(kind)-1"
            var draft: JSONObject = [
                "client_id": .string(id), "name": .string(id), "kind": .string(kind),
                "scopes": .array([.string(scopes)]), "resources": .array([.string(feed.text)]),
            ]
            if kind == "resource" { draft["acts_as"] = .string(World.orders.text) }
            try await kit.create(.client, draft)
            let client = try #require(ClientID(id))
            let token = AccessToken(
                identity: TokenIdentity(
                    jti: "j", issuedAt: kit.clock.time.seconds, subject: id, clientID: client
                ), audience: feed, scopes: try #require(ScopeSet(scopes)), expiresAt: kit.clock.time.seconds + 60
            )
            guard may else {
                #expect(throws: OAuthError.self) { try kit.server.feedAccess.consumer(token) }
                continue
            }
            let consumer = try kit.server.feedAccess.consumer(token)
            #expect(kit.server.feedAccess.mayFollow(consumer))
            _ = try await kit.update(.client, id, ["enabled": false])
            #expect(!kit.server.feedAccess.mayFollow(consumer))
        }
    }
}

extension Revocation {
    fileprivate func numbered(_ sequence: Int64) -> Revocation {
        var numbered = self
        numbered.sequence = sequence
        return numbered
    }
}
