import OAuth
import Testing

@testable import Server

@Suite("Guessing a passphrase")
struct SealableThrottleTests {
    private let start = Timestamp(seconds: 1_772_366_400)

    @Test("each failure doubles the pause of its address, up to a minute")
    func doubling() {
        let throttle = SealableThrottle()
        var now = start
        var pauses: [Int] = []
        for _ in 0..<9 {
            #expect(throttle.secondsToWait("a", at: now) == nil)
            throttle.failed("a", at: now)
            let pause = throttle.secondsToWait("a", at: now) ?? 0
            pauses.append(pause)
            now = now.adding(seconds: pause)
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60])
    }

    @Test("many addresses together wait two seconds at most, so that an operator still gets in")
    func all() {
        let throttle = SealableThrottle()
        for number in 0..<10_000 { throttle.failed("peer \(number)", at: start) }
        #expect(throttle.secondsToWait("operator", at: start) == 2)
        #expect(throttle.secondsToWait("operator", at: start.adding(seconds: 2)) == nil)
    }

    @Test("an address that kept quiet starts anew")
    func anew() {
        let throttle = SealableThrottle()
        for _ in 0..<8 { throttle.failed("a", at: start) }
        let later = start.adding(seconds: 700)
        throttle.failed("a", at: later)
        #expect(throttle.secondsToWait("a", at: later) == 1)
    }

    @Test("a crowd does not keep out the operator who is on the machine")
    func local() {
        let throttle = SealableThrottle()
        for number in 0..<10_000 { throttle.failed("peer \(number)", at: start) }
        #expect(throttle.secondsToWait("127.0.0.1", at: start) == nil)
        throttle.failed("127.0.0.1", at: start)
        #expect(throttle.secondsToWait("127.0.0.1", at: start) == 1)
    }

    @Test("HOST-82 a clock that is set back an hour makes nobody wait an hour")
    func clockSetBack() {
        let throttle = SealableThrottle()
        throttle.failed("a", at: start)
        let before = Timestamp(milliseconds: start.milliseconds - 3_600_000)
        #expect(throttle.secondsToWait("a", at: before) == nil)
        #expect(throttle.secondsToWait("b", at: before) == nil)
    }
}
