import Synchronization
import Testing

@testable import Vault

@Suite("Long work on keys")
struct KeyWorkTests {
    @Test("one at a time, and only so many wait")
    func bounded() async throws {
        let work = KeyWork()
        let gauge = Gauge()
        let done = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<KeyWork.capacity * 3 {
                group.addTask {
                    do {
                        try await work.run {
                            gauge.enter()
                            // Long enough that the others are there before the first is through.
                            let end = ContinuousClock.now + .milliseconds(20)
                            while ContinuousClock.now < end {}
                            gauge.leave()
                        }
                        return true
                    } catch is KeyWorkBusy {
                        return false
                    }
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(gauge.most == 1)
        #expect((1..<KeyWork.capacity * 3).contains(done), "\(done)")
        // When they are through there is room again.
        #expect(try await work.run { 7 } == 7)
    }

    @Test("what fails there fails here")
    func failure() async throws {
        struct Broken: Error {}
        await #expect(throws: Broken.self) { try await KeyWork.shared.run { throw Broken() } }
    }
}

/// How many are at work at once.
private final class Gauge: Sendable {
    private let state = Mutex((now: 0, most: 0))

    var most: Int { state.withLock { $0.most } }

    func enter() {
        state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
        }
    }

    func leave() { state.withLock { $0.now -= 1 } }
}
