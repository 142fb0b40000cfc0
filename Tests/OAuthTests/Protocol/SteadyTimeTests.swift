import Synchronization
import Testing

@testable import OAuth

@Suite("A clock that is set")
struct SteadyTimeTests {
    private final class Clock: Sendable {
        let state = Mutex((time: Fixtures.now, up: Int64(1000)))

        func pass(seconds: Int) {
            state.withLock { state in
                state.time = state.time.adding(seconds: seconds)
                state.up += Int64(seconds)
            }
        }

        func set(by seconds: Int) { state.withLock { $0.time = $0.time.adding(seconds: seconds) } }

        var time: Timestamp { state.withLock(\.time) }
        var uptime: Int64 { state.withLock(\.up) }
    }

    private let clock = Clock()

    private func steady() -> SteadyTime {
        SteadyTime(now: { [clock] in clock.time }, uptime: { [clock] in clock.uptime })
    }

    @Test("HOST-82 nothing is forgotten sooner because the clock jumped an hour ahead")
    func ahead() {
        let steady = steady()
        clock.pass(seconds: 100)
        clock.set(by: 3600)
        #expect(steady.time == Fixtures.now.adding(seconds: 100))
        clock.pass(seconds: 50)
        #expect(steady.time == Fixtures.now.adding(seconds: 150))
        clock.set(by: -3600)
        #expect(steady.time == clock.time)
    }

    @Test("a clock that stays ahead is believed after two hours")
    func stays() {
        let steady = steady()
        clock.set(by: 86_400)
        #expect(steady.time == Fixtures.now)
        clock.pass(seconds: 7199)
        #expect(steady.time == Fixtures.now.adding(seconds: 7199))
        clock.pass(seconds: 1)
        #expect(steady.time == clock.time)
    }

    @Test("a clock that is set back is believed at once, and a little drift always")
    func back() {
        let steady = steady()
        clock.set(by: -3600)
        #expect(steady.time == clock.time)
        for _ in 0..<100 {
            clock.pass(seconds: 60)
            clock.set(by: 1)
            #expect(steady.time == clock.time)
        }
    }
}
