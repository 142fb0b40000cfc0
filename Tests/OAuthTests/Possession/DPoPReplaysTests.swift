import Synchronization
import Testing

@testable import OAuth

/// A clock that only tests move.
final class Minutes: Sendable {
    private let state = Mutex(Int64(1_000))
    var uptime: Uptime { { self.state.withLock { $0 } } }
    func advance(_ seconds: Int64) { state.withLock { $0 += seconds } }
}

@Suite("Proofs that were used")
struct DPoPReplaysTests {
    private let start = Fixtures.now.seconds
    /// The first second in which proofs without a nonce are taken.
    private var open: Int64 { start + 61 }

    private func use(
        _ id: String, by client: String = "planner", key: String = "k", at issuedAt: Int64, hasNonce: Bool = false,
        isOfThisRun: Bool = false
    ) -> DPoPReplays.Use {
        DPoPReplays.Use(
            holder: Fixtures.id(client), key: key, id: id, issuedAt: issuedAt, hasNonce: hasNonce,
            isOfThisRun: isOfThisRun
        )
    }

    @Test("a proof is taken once, whatever comes between (DP-21)")
    func once() {
        let clock = Minutes()
        let replays = DPoPReplays(start: start, uptime: clock.uptime)
        #expect(replays.take(use("a", at: open), at: open) == .new)
        #expect(replays.take(use("a", at: open), at: open) == .seen)
        #expect(replays.take(use("b", at: open), at: open) == .new)
        for second in 0...60 {
            #expect(replays.take(use("a", at: open), at: open + Int64(second)) == .seen)
            clock.advance(1)
        }
    }

    @Test("the same jti of another key is another proof")
    func otherKey() {
        let replays = DPoPReplays(start: start, uptime: Minutes().uptime)
        #expect(replays.take(use("a", at: open), at: open) == .new)
        #expect(replays.take(use("a", key: "l", at: open), at: open) == .new)
    }

    @Test("one from the future is remembered until it would be too old")
    func future() {
        let clock = Minutes()
        let replays = DPoPReplays(start: start, uptime: clock.uptime)
        #expect(replays.take(use("a", at: open + 60), at: open) == .new)
        clock.advance(119)
        #expect(replays.take(use("a", at: open + 60), at: open + 119) == .seen)
    }

    @Test("proofs from before the start, or from the future of an earlier run, need a nonce (replay after a restart)")
    func restart() {
        let replays = DPoPReplays(start: start, uptime: Minutes().uptime)
        for issuedAt in [start - 60, start, start + 60] {
            #expect(replays.take(use("a", at: issuedAt), at: start) == .needsNonce)
            #expect(replays.take(use("a\(issuedAt)", at: issuedAt, hasNonce: true), at: start) == .new)
        }
        #expect(replays.take(use("b", at: start + 61), at: start + 1) == .new)
    }

    @Test("one over a token that did not exist before the start cannot have been used before")
    func newborn() {
        let replays = DPoPReplays(start: start, uptime: Minutes().uptime)
        #expect(replays.take(use("a", at: start + 2, isOfThisRun: true), at: start + 2) == .new)
        #expect(replays.take(use("a", at: start + 2, isOfThisRun: true), at: start + 2) == .seen)
    }

    @Test("setting the clock back does not make used proofs good again (HOST-82)")
    func clockSetBack() {
        let clock = Minutes()
        let replays = DPoPReplays(start: start, uptime: clock.uptime)
        let later = open + 3600
        #expect(replays.take(use("a", at: later), at: later) == .new)
        // Long forgotten, and then the time of day is an hour and a bit behind.
        clock.advance(200)
        #expect(replays.take(use("x", at: later + 200), at: later + 200) == .new)
        #expect(replays.take(use("a", at: later), at: later) == .needsNonce)
        // A nonce gets an honest client through.
        #expect(replays.take(use("b", at: later, hasNonce: true), at: later) == .new)
    }

    @Test("setting the clock forward makes nothing be forgotten early (HOST-82)")
    func clockSetForward() {
        let replays = DPoPReplays(start: start, uptime: Minutes().uptime)
        #expect(replays.take(use("a", at: open), at: open) == .new)
        #expect(replays.take(use("b", at: open + 3600), at: open + 3600) == .new)
        #expect(replays.take(use("a", at: open), at: open) == .seen)
    }

    @Test("a proof with a nonce is remembered for as long as the nonce is good")
    func nonce() {
        let clock = Minutes()
        let replays = DPoPReplays(start: start, uptime: clock.uptime)
        #expect(replays.take(use("a", at: start - 60, hasNonce: true), at: start) == .new)
        clock.advance(119)
        #expect(replays.take(use("a", at: start - 60, hasNonce: true), at: start) == .seen)
    }

    @Test("a million distinct proofs stay bounded, and the memory is free again when the window has passed (DP-32)")
    func bounded() {
        let clock = Minutes()
        let replays = DPoPReplays(start: start, capacity: 20_000, uptime: clock.uptime)
        var verdicts: [DPoPReplays.Verdict: Int] = [:]
        for number in 0..<1_000_000 {
            let client = "client\(number % 50)"
            verdicts[replays.take(use("j\(number)", by: client, at: open), at: open), default: 0] += 1
        }
        #expect(verdicts == [.new: 20_000, .full: 980_000])
        #expect(replays.count == 20_000)
        clock.advance(80)
        #expect(replays.take(use("late", at: open + 80), at: open + 80) == .new)
        #expect(replays.count == 1)
    }

    @Test("one client fills a quarter of the memory, and the others go on")
    func share() {
        let clock = Minutes()
        let replays = DPoPReplays(start: start, capacity: 1_000, uptime: clock.uptime)
        for number in 0..<250 {
            #expect(replays.take(use("j\(number)", by: "greedy", at: open), at: open) == .new)
        }
        #expect(replays.take(use("one more", by: "greedy", at: open), at: open) == .tooManyOfHolder)
        #expect(replays.take(use("one more", by: "planner", at: open), at: open) == .new)
        clock.advance(80)
        #expect(replays.take(use("again", by: "greedy", at: open + 80), at: open + 80) == .new)
    }

    @Test("of fifty at the same time one is taken (CONC-04)")
    func parallel() async {
        let replays = DPoPReplays(start: start, uptime: Minutes().uptime)
        let use = use("a", at: open)
        let time = open
        let taken = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { replays.take(use, at: time) == .new } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(taken == 1)
    }
}

@Suite("Nonces of DPoP proofs")
struct DPoPNoncesTests {
    @Test("a nonce is good for its own minute and the next (DP-25)")
    func rotation() {
        let clock = Minutes()
        let nonces = DPoPNonces(uptime: clock.uptime)
        let first = nonces.current
        #expect(nonces.isGood(first))
        clock.advance(60)
        let second = nonces.current
        #expect(second != first)
        #expect(nonces.isGood(first))
        #expect(nonces.isGood(second))
        clock.advance(60)
        #expect(!nonces.isGood(first))
        #expect(nonces.isGood(second))
    }

    @Test("a nonce of another run, of the future or of nobody is not good (DP-24)")
    func others() {
        let clock = Minutes()
        let nonces = DPoPNonces(uptime: clock.uptime)
        let other = DPoPNonces(uptime: clock.uptime)
        #expect(!nonces.isGood(other.current))
        clock.advance(60)
        let future = nonces.current
        clock.advance(-60)
        #expect(!nonces.isGood(future))
        for text in [
            "", "x", String(repeating: "A", count: 43), nonces.current + "A", String(nonces.current.dropLast()),
        ] {
            #expect(!nonces.isGood(text))
        }
    }

    @Test("a nonce has the characters that are allowed, and says nothing of the time (DP-26)")
    func syntax() {
        let clock = Minutes()
        let nonces = DPoPNonces(uptime: clock.uptime)
        var seen: Set<String> = []
        for _ in 0..<20 {
            let nonce = nonces.current
            // NQCHAR: %x21 / %x23-5B / %x5D-7E.
            #expect(nonce.utf8.allSatisfy { $0 == 0x21 || (0x23...0x5B).contains($0) || (0x5D...0x7E).contains($0) })
            #expect(seen.insert(nonce).inserted)
            clock.advance(60)
        }
    }
}
