import Revocations
import Testing

@testable import OAuth

@Suite("The set of tombstones")
struct RevocationSetTests {
    private func set(_ revocations: (Revocation.Kind, String)...) -> RevocationSet {
        let set = RevocationSet()
        for (kind, id) in revocations { set.insert(Revocation(kind, id, at: Fixtures.now)) }
        return set
    }

    private var identity: RevocableIDs {
        let planner = ActorChain(Actor(clientID: Fixtures.id("planner"), agentID: "planner/p1"))
        let broker = ActorChain(Actor(clientID: Fixtures.id("broker")), earlier: planner)
        return TokenIdentity(
            jti: "t1", issuedAt: Fixtures.now.seconds, keyID: "k1", subject: "corp|alice",
            clientID: Fixtures.id("worker"), agentID: "worker/w1", delegationID: DelegationID("dlg_1"),
            task: QualifiedName(qualified: "planner/task"), session: QualifiedName(qualified: "planner/session"),
            actors: ActorChain(Actor(clientID: Fixtures.id("worker"), agentID: "worker/w1"), earlier: broker)
        ).ids
    }

    @Test(
        "every id that a token carries kills it, wherever it stands",
        arguments: [
            (.token, "t1"), (.key, "k1"), (.client, "worker"), (.client, "broker"), (.client, "planner"),
            (.agent, "worker/w1"), (.agent, "planner/p1"), (.agent, "broker"), (.delegation, "dlg_1"),
            (.task, "planner/task"), (.session, "planner/session"), (.subject, "corp|alice"), (.issuer, "corp"),
        ] as [(Revocation.Kind, String)]
    )
    func kills(kind: Revocation.Kind, id: String) { #expect(set((kind, id)).isDead(identity)) }

    @Test(
        "no other id does",
        arguments: [
            (.token, "t2"), (.key, "k2"), (.client, "corp"), (.client, "alice"), (.agent, "worker"),
            (.agent, "planner"),
            (.agent, "planner/w1"), (.delegation, "dlg_2"), (.task, "worker/task"), (.task, "planner/session"),
            (.session, "planner/task"), (.subject, "corp|bob"), (.subject, "other|alice"), (.issuer, "corp|alice"),
            (.token, "T1"), (.client, "Worker"),
        ] as [(Revocation.Kind, String)]
    )
    func spares(kind: Revocation.Kind, id: String) { #expect(!set((kind, id)).isDead(identity)) }

    @Test("a client that is the subject of somebody else's token kills it too")
    func subjectClient() {
        let token = Fixtures.identity("worker", subject: "planner")
        #expect(set((.client, "planner")).isDead(token.ids))
    }

    @Test("the whole second of the tombstone is dead, the next one lives")
    func second() {
        let set = RevocationSet()
        let late = Timestamp(milliseconds: Fixtures.now.milliseconds + 1)
        set.insert(Revocation(.client, "planner", at: late))
        #expect(set.isDead(Fixtures.identity(issuedAt: Fixtures.now.seconds - 1).ids))
        #expect(set.isDead(Fixtures.identity(issuedAt: Fixtures.now.seconds).ids))
        #expect(!set.isDead(Fixtures.identity(issuedAt: Fixtures.now.seconds + 1).ids))
    }

    @Test("a tombstone takes the second in which it takes hold, not the one in which it was asked for")
    func taken() {
        let later = Fixtures.now.adding(seconds: 2)
        let taken = Revocation(.client, "planner", at: Fixtures.now).taken(at: later)
        #expect(taken.issuedBefore == later.seconds)
        #expect(taken.expires == later.adding(seconds: TokenLifetime.ceiling + 1).seconds)
    }

    @Test("an older tombstone never weakens a newer one")
    func monotone() {
        let newer = Revocation(.client, "planner", at: Fixtures.now.adding(seconds: 10))
        let older = Revocation(.client, "planner", at: Fixtures.now)
        for order in [[newer, older], [older, newer]] {
            let set = RevocationSet(order)
            #expect(set.deadline(for: Fixtures.identity().ids) == newer.issuedBefore)
            set.prune(at: older.expires)
            #expect(set.count == 1)
        }
    }

    @Test("a tombstone is kept as long as a token that it kills could live, and not longer")
    func prune() {
        let set = set((.client, "planner"), (.task, "planner/t"))
        #expect(set.prune(at: Fixtures.now.seconds + Int64(TokenLifetime.ceiling)) == 0)
        #expect(set.count == 2)
        #expect(set.prune(at: Fixtures.now.seconds + Int64(TokenLifetime.ceiling) + 1) == 2)
        #expect(set.count == 0)
        #expect(set.deadline(for: identity) == nil)
    }

    @Test("a question costs as much with a hundred thousand tombstones as with ten")
    func cost() {
        func time(_ count: Int) -> Duration {
            let set = RevocationSet(
                (0..<count).map { Revocation(.token, "other-\($0)", at: Fixtures.now) }
            )
            let token = identity
            var best = Duration.seconds(1)
            for _ in 0..<5 {
                let start = ContinuousClock.now
                for _ in 0..<200 where set.isDead(token) { Issue.record("dead") }
                best = min(best, ContinuousClock.now - start)
            }
            return best
        }
        #expect(time(100_000) < time(10) * 20)
    }
}
