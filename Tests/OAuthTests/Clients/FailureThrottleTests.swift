import Testing

@testable import OAuth

@Suite("Slowing down guesses")
struct FailureThrottleTests {
    private let client = Fixtures.id("planner")

    private func failing(_ count: Int, at time: Timestamp = Fixtures.now) -> FailureThrottle {
        let throttle = FailureThrottle()
        for _ in 0..<count { throttle.recordFailure(client, from: "192.0.2.1", at: time) }
        return throttle
    }

    @Test("ten failures in a minute close the door for the rest of that minute")
    func ten() {
        #expect(failing(9).secondsToWait(client, from: "192.0.2.1", at: Fixtures.now) == nil)
        let throttle = failing(10)
        #expect(throttle.secondsToWait(client, from: "192.0.2.1", at: Fixtures.now) == 60)
        #expect(throttle.secondsToWait(client, from: "192.0.2.1", at: Fixtures.now.adding(seconds: 59)) == 1)
        #expect(throttle.secondsToWait(client, from: "192.0.2.1", at: Fixtures.now.adding(seconds: 60)) == nil)
    }

    @Test("the honest client elsewhere and another client are not locked out")
    func others() {
        let throttle = failing(100)
        #expect(throttle.secondsToWait(client, from: "192.0.2.2", at: Fixtures.now) == nil)
        #expect(throttle.secondsToWait(Fixtures.id("worker"), from: "192.0.2.1", at: Fixtures.now) == nil)
    }

    @Test("a new minute begins with a clean slate")
    func newWindow() {
        let throttle = failing(10)
        let later = Fixtures.now.adding(seconds: 61)
        for _ in 0..<9 { throttle.recordFailure(client, from: "192.0.2.1", at: later) }
        #expect(throttle.secondsToWait(client, from: "192.0.2.1", at: later) == nil)
    }

    @Test("memory is bounded however many pairs fail")
    func bounded() {
        let throttle = FailureThrottle()
        for index in 0..<40_000 { throttle.recordFailure(client, from: "peer-\(index)", at: Fixtures.now) }
        for _ in 0..<10 { throttle.recordFailure(client, from: "192.0.2.1", at: Fixtures.now) }
        #expect(throttle.secondsToWait(client, from: "192.0.2.1", at: Fixtures.now) != nil)
    }
}
