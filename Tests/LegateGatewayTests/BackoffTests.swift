import Testing

@testable import LegateGateway

@Suite("Waiting before the next attempt")
struct BackoffTests {
    @Test("the wait doubles from 50 ms to 5 s, is not the same for all, and begins anew after success")
    func doubling() {
        var backoff = Backoff()
        var limit = Duration.milliseconds(50)
        for _ in 0..<12 {
            let wait = backoff.step()
            #expect(wait >= limit / 2 && wait <= limit)
            limit = min(limit * 2, .seconds(5))
        }
        #expect(Set((0..<20).map { _ in backoff.step() }).count > 1)
        #expect(backoff.step(atLeast: .seconds(8)) > .seconds(8))
        backoff.reset()
        #expect(backoff.step() <= .milliseconds(50))
    }
}
