import JOSE
import Testing

@Suite("Proofs that were used")
struct DPoPReplaysTests {
    private let clock = Minutes()
    private let start: Int64 = 1_800_000_000
    /// The first second in which proofs without a nonce are taken.
    private var open: Int64 { start + 61 }

    private func replays(capacity: Int = 1_000, share: Int = 250) -> DPoPReplays {
        DPoPReplays(start: start, capacity: capacity, share: share, uptime: clock.uptime)
    }

    private func use(
        _ id: String, by holder: String = "planner", key: String = "k", at issuedAt: Int64, hasNonce: Bool = false,
        isOfThisRun: Bool = false
    ) -> DPoPReplays.Use {
        DPoPReplays.Use(
            holder: holder, key: key, id: id, issuedAt: issuedAt, hasNonce: hasNonce, isOfThisRun: isOfThisRun
        )
    }

    @Test("a proof is taken once, whatever comes between (DP-21)")
    func once() {
        let replays = replays()
        #expect(replays.take(use("a", at: open), at: open) == .new)
        #expect(replays.take(use("a", at: open), at: open) == .seen)
        #expect(replays.take(use("b", at: open), at: open) == .new)
        #expect(replays.take(use("a", at: open), at: open) == .seen)
    }

    @Test("the same jti of another key is another proof")
    func otherKey() {
        let replays = replays()
        #expect(replays.take(use("a", at: open), at: open) == .new)
        #expect(replays.take(use("a", key: "l", at: open), at: open) == .new)
    }

    @Test(
        "a proof is remembered until it is too old, however far in the future it was made",
        arguments: [-60, 0, 60] as [Int64])
    func untilTooOld(ahead: Int64) {
        let replays = replays()
        let now = open + 60
        #expect(replays.take(use("a", at: now + ahead), at: now) == .new)
        for second in 0...(ahead + DPoPProof.window) {
            #expect(replays.take(use("a", at: now + ahead), at: now + second) == .seen, "after \(second) s")
            clock.advance(1)
        }
    }

    @Test("proofs from before the start, or from the future of an earlier run, need a nonce (replay after a restart)")
    func restart() {
        let replays = replays()
        for issuedAt in [start - 60, start, start + 60] {
            #expect(replays.take(use("a", at: issuedAt), at: start) == .needsNonce)
            #expect(replays.take(use("a\(issuedAt)", at: issuedAt, hasNonce: true), at: start) == .new)
        }
        #expect(replays.take(use("b", at: start + 61), at: start + 1) == .new)
    }

    @Test("one over a token that did not exist before the start cannot have been used before")
    func newborn() {
        let replays = replays()
        #expect(replays.take(use("a", at: start + 2, isOfThisRun: true), at: start + 2) == .new)
        #expect(replays.take(use("a", at: start + 2, isOfThisRun: true), at: start + 2) == .seen)
    }

    @Test("setting the clock back does not make used proofs good again (HOST-82)")
    func clockSetBack() {
        let replays = replays()
        let later = open + 3600
        #expect(replays.take(use("a", at: later), at: later) == .new)
        // Long forgotten, and then somebody sets the time of day back.
        clock.advance(200)
        #expect(replays.take(use("x", at: later + 200), at: later + 200) == .new)
        #expect(replays.take(use("a", at: later), at: later) == .needsNonce)
        // A nonce gets an honest client through.
        #expect(replays.take(use("b", at: later), at: later) == .needsNonce)
        #expect(replays.take(use("b", at: later, hasNonce: true), at: later) == .new)
    }

    @Test("setting the clock forward makes nothing be forgotten early (HOST-82)")
    func clockSetForward() {
        let replays = replays()
        #expect(replays.take(use("a", at: open), at: open) == .new)
        #expect(replays.take(use("b", at: open + 3600), at: open + 3600) == .new)
        #expect(replays.take(use("a", at: open), at: open) == .seen)
    }

    @Test("a clock that jumped ahead and came back is forgiven with a nonce")
    func clockJumped() {
        let replays = replays()
        #expect(replays.take(use("a", at: open + 3600), at: open + 3600) == .new)
        #expect(replays.take(use("b", at: open), at: open) == .new)
        clock.advance(300)
        #expect(replays.take(use("c", at: open + 300), at: open + 300) == .needsNonce)
        #expect(replays.take(use("c", at: open + 300, hasNonce: true), at: open + 300) == .new)
    }

    @Test("a proof with a nonce is remembered for as long as the nonce is good")
    func nonce() {
        let replays = replays()
        #expect(replays.take(use("a", at: start - 60, hasNonce: true), at: start) == .new)
        clock.advance(119)
        #expect(replays.take(use("a", at: start - 60, hasNonce: true), at: start) == .seen)
    }

    @Test("a million distinct proofs stay bounded, and the memory is free again when the window has passed (DP-32)")
    func bounded() {
        let replays = replays(capacity: 20_000, share: 5_000)
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

    @Test("one client fills its share of the memory, and the others go on", arguments: [250, 100, 1])
    func share(share: Int) {
        let replays = replays(share: share)
        for number in 0..<share {
            #expect(replays.take(use("j\(number)", by: "greedy", at: open), at: open) == .new)
        }
        #expect(replays.take(use("one more", by: "greedy", at: open), at: open) == .tooManyOfHolder)
        #expect(replays.take(use("one more", by: "planner", at: open), at: open) == .new)
        clock.advance(80)
        #expect(replays.take(use("again", by: "greedy", at: open + 80), at: open + 80) == .new)
    }

    @Test("a memory that is too small for a share remembers one proof of each")
    func smallest() {
        let replays = replays(capacity: 3, share: 0)
        #expect(replays.take(use("a", at: open), at: open) == .new)
        #expect(replays.take(use("b", at: open), at: open) == .tooManyOfHolder)
    }

    @Test("of fifty at the same time one is taken (CONC-04)")
    func parallel() async {
        let replays = replays()
        let use = use("a", at: open)
        let time = open
        let taken = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { replays.take(use, at: time) == .new } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(taken == 1)
    }
}
