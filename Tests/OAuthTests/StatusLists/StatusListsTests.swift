import JOSE
import Testing

@testable import OAuth

@Suite("The indexes of status lists")
struct StatusListsTests {
    private func token(_ reference: StatusReference, expires: Int64) -> ListedToken {
        ListedToken(
            reference: reference,
            identity: TokenIdentity(
                jti: "\(reference.list)/\(reference.index)", issuedAt: expires - 300, subject: "agent",
                clientID: Fixtures.id("agent")
            ),
            audience: Fixtures.uri("api"), expiresAt: expires
        )
    }

    @Test("no index is given twice, and a list is half full at most")
    func unique() {
        let lists = StatusLists()
        let count = StatusLists.fullAt + 10
        var given: [StatusListID: Set<Int>] = [:]
        var wrong = 0
        for _ in 0..<count {
            let reference = lists.reserve()
            let isNew = given[reference.list, default: []].insert(reference.index).inserted
            if !isNew || !(0..<StatusLists.size).contains(reference.index) { wrong += 1 }
        }
        #expect(wrong == 0)
        #expect(given.values.map(\.count).sorted() == [10, StatusLists.fullAt])
    }

    @Test("indexes tell nothing of the order in which they were given")
    func scattered() {
        let lists = StatusLists()
        let indexes = (0..<1000).map { _ in lists.reserve().index }
        let rising = zip(indexes, indexes.dropFirst()).filter { $0 < $1 }.count
        #expect((400...600).contains(rising))
        #expect((indexes.max() ?? 0) - (indexes.min() ?? 0) > StatusLists.size / 2)
    }

    @Test("a start never goes on filling a list of the one before")
    func anotherStart() {
        let first = StatusLists()
        let reference = first.reserve()
        let second = StatusLists([token(reference, expires: 1000)])
        #expect(second.lists == [reference.list])
        #expect(second.reserve().list != reference.list)
    }

    @Test("a list is gone when its last token has expired")
    func gone() {
        let lists = StatusLists()
        let references = [lists.reserve(), lists.reserve()]
        lists.add(token(references[0], expires: 1000))
        lists.add(token(references[1], expires: 2000))
        lists.prune(at: Timestamp(seconds: 1000))
        #expect(lists.tokens(in: references[1].list)?.map(\.reference) == [references[1]])
        lists.prune(at: Timestamp(seconds: 2000))
        #expect(lists.tokens(in: references[1].list) == nil && lists.lists.isEmpty && lists.count == 0)
    }

    @Test("a status claim is read as it was written, and no other one")
    func claim() throws {
        let issuer = try #require(IssuerURL("https://auth.example.com"))
        let reference = StatusLists().reserve()
        #expect(StatusReference(claim: reference.claim(issuer: issuer), issuer: issuer) == reference)
        let other = try #require(IssuerURL("https://other.example.com"))
        #expect(StatusReference(claim: reference.claim(issuer: issuer), issuer: other) == nil)
        #expect(
            StatusReference(claim: .object(["status_list": .object(["idx": -1, "uri": "x"])]), issuer: issuer) == nil)
    }
}
