import Testing

@testable import LegateGateway

@Suite("What a gateway remembers of proofs")
struct SeenProofsTests {
    let time = TestTime()

    /// A memory that has been there for longer than it looks back.
    private func seen(maximum: Int = 1000) -> SeenProofs {
        let seen = SeenProofs(clock: time.clock, maximum: maximum)
        time.pass(.seconds(121))
        return seen
    }

    private func take(_ seen: SeenProofs, _ id: String, key: String = "k", age: Int64 = 0, hasNonce: Bool = false)
        -> SeenProofs.Verdict
    {
        seen.take(key: key, id: id, issuedAt: time.seconds - age, hasNonce: hasNonce)
    }

    @Test("DP-21: a proof is new once, and another key may use the same id")
    func once() {
        let seen = seen()
        #expect(take(seen, "a") == .new)
        #expect(take(seen, "a") == .seen)
        #expect(take(seen, "a", key: "other") == .new)
        #expect(take(seen, "b") == .new)
    }

    @Test(
        "a proof is remembered until its time is over, however far in the future it was made", arguments: [-60, 0, 60])
    func untilItsTimeIsOver(age: Int64) {
        let seen = seen()
        let issuedAt = time.seconds - age
        #expect(seen.take(key: "k", id: "a", issuedAt: issuedAt, hasNonce: false) == .new)
        for second in 1...240 {
            time.pass(.seconds(1))
            // As the check of `iat` before it does.
            guard abs(time.seconds - issuedAt) <= SeenProofs.window else { continue }
            #expect(
                seen.take(key: "k", id: "a", issuedAt: issuedAt, hasNonce: false) == .seen, "after \(second) s")
        }
    }

    @Test("a restarted gateway accepts no proof that the one before may have seen, except with a nonce")
    func restart() {
        let seen = SeenProofs(clock: time.clock, maximum: 100)
        #expect(take(seen, "a") == .needsNonce)
        #expect(take(seen, "b", age: -60) == .needsNonce)
        #expect(take(seen, "a", hasNonce: true) == .new)
        #expect(take(seen, "a", hasNonce: true) == .seen)
        time.pass(.seconds(61))
        #expect(take(seen, "c") == .new)
        #expect(take(seen, "d", age: 1) == .needsNonce)
    }

    @Test("a clock that is set back revives no forgotten proof, and a nonce helps the honest ones")
    func clockSetBack() {
        let seen = seen()
        let issuedAt = time.seconds
        #expect(seen.take(key: "k", id: "a", issuedAt: issuedAt, hasNonce: false) == .new)
        time.pass(.seconds(3600))
        #expect(take(seen, "later") == .new)
        time.set(by: -3600)
        #expect(seen.take(key: "k", id: "a", issuedAt: issuedAt, hasNonce: false) == .needsNonce)
        #expect(take(seen, "b") == .needsNonce)
        #expect(take(seen, "b", hasNonce: true) == .new)
    }

    @Test("a clock that jumped ahead and came back is forgiven with a nonce")
    func clockJumped() {
        let seen = seen()
        time.set(by: 3600)
        #expect(take(seen, "a") == .new)
        time.set(by: -3600)
        #expect(take(seen, "b") == .new)
        time.pass(.seconds(300))
        #expect(take(seen, "c") == .needsNonce)
        #expect(take(seen, "c", hasNonce: true) == .new)
    }

    @Test("DP-32: a flood of proofs stays inside the bound, and one key cannot take it all")
    func flood() {
        let seen = seen(maximum: 1000)
        var verdicts: [SeenProofs.Verdict] = []
        for number in 0..<5000 { verdicts.append(take(seen, "\(number)")) }
        #expect(verdicts.prefix(100).allSatisfy { $0 == .new })
        #expect(verdicts.dropFirst(100).allSatisfy { $0 == .tooManyOfKey })
        #expect(take(seen, "a", key: "honest") == .new)
        for number in 0..<5000 { _ = take(seen, "a", key: "\(number)") }
        #expect(seen.count == 1000)
        #expect(take(seen, "b", key: "honest") == .full)
        time.pass(.seconds(200))
        #expect(take(seen, "b", key: "honest") == .new)
        #expect(seen.count == 1)
    }
}
