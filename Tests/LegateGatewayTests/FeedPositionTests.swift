import Crypto
import JOSE
import Revocations
import Testing

@testable import LegateGateway

@Suite("What continues the feed")
struct FeedPositionTests {
    private func batch(_ after: Int64, _ next: Int64, previous: String? = nil) -> RevocationBatch {
        RevocationBatch(issuer: "i", issuedAt: 0, after: after, next: next, previous: previous)
    }

    private func hash(_ text: String) -> String { Base64URL.encode(Array(SHA256.hash(data: Array(text.utf8)))) }

    private func position(after sequence: Int64) throws -> FeedPosition {
        var position = FeedPosition()
        try position.read(batch(0, sequence))
        return position
    }

    @Test("batches that follow one another are taken")
    func chain() throws {
        var position = try position(after: 4)
        try position.follow(batch(4, 6, previous: "anything"), jws: "first")
        try position.follow(batch(6, 6), jws: "heartbeat")
        try position.follow(batch(6, 9, previous: hash("first")), jws: "second")
        #expect(position.sequence == 9)
    }

    @Test("a gap is noticed, in batches and in heartbeats")
    func gap() throws {
        var position = try position(after: 4)
        #expect(throws: FeedBreach.gap) { try position.follow(batch(5, 6), jws: "") }
        #expect(throws: FeedBreach.gap) { try position.follow(batch(5, 5), jws: "") }
        #expect(position.sequence == 4)
    }

    @Test("what came before is noticed, in batches and in heartbeats")
    func again() throws {
        var position = try position(after: 4)
        #expect(throws: FeedBreach.outOfOrder) { try position.follow(batch(2, 4), jws: "") }
        #expect(throws: FeedBreach.outOfOrder) { try position.follow(batch(3, 3), jws: "") }
    }

    @Test("a batch of another chain is noticed")
    func otherChain() throws {
        var position = try position(after: 4)
        try position.follow(batch(4, 6), jws: "first")
        #expect(throws: FeedBreach.brokenChain) { try position.follow(batch(6, 7, previous: hash("other")), jws: "") }
        #expect(throws: FeedBreach.brokenChain) { try position.follow(batch(6, 7), jws: "") }
    }

    @Test("a batch that begins before where we are is taken, and followed from there")
    func overlap() throws {
        var position = try position(after: 4)
        try position.follow(batch(2, 6), jws: "cut otherwise")
        #expect(throws: FeedBreach.brokenChain) { try position.follow(batch(6, 7, previous: "x"), jws: "") }
        try position.follow(batch(6, 7, previous: hash("cut otherwise")), jws: "")
        #expect(position.sequence == 7)
    }

    @Test("the pages of a snapshot must join")
    func snapshot() throws {
        var position = FeedPosition()
        try position.read(batch(0, 10))
        #expect(throws: FeedBreach.gap) { try position.read(batch(11, 12)) }
        #expect(throws: FeedBreach.outOfOrder) { try position.read(batch(0, 10)) }
        try position.read(batch(10, 20))
        #expect(position.sequence == 20)
    }
}
