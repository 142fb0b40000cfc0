import Support
import Synchronization
import Testing
import Vault

@testable import OAuth

@Suite("Reading while secrets rotate")
struct RotationReadersTests {
    @Test("readers never see an error, and only values that were made", arguments: [nil, LegateKit.webhook])
    func readers(_ webhook: String?) async throws {
        let kit = try await LegateKit.start()
        try await kit.generate("a", webhook: webhook, readers: [kit.planner])
        await kit.rotateDue()
        let end = End()
        let reads = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var count = 0
                    var last = 0
                    while !end.isReached.withLock({ $0 }) {
                        let released = try await kit.server.secretDesk.read(
                            LegateKit.secretName("a"), by: kit.vaultToken(kit.planner), in: kit.context("GET")
                        )
                        #expect(released.lease.version >= last)
                        last = released.lease.version
                        count += 1
                    }
                    return count
                }
            }
            for _ in 0..<30 {
                kit.clock.advance(seconds: 3600)
                #expect(await kit.rotateDue().count == 1)
            }
            end.isReached.withLock { $0 = true }
            return try await group.reduce(0, +)
        }
        #expect(reads > 0)
        #expect(kit.secret("a")?.current == 31)
    }

    @Test("a thousand secrets due in the same second rotate once each, while tokens are issued")
    func thousand() async throws {
        let kit = try await LegateKit.start()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<1000 { group.addTask { try await kit.generate("s/\(index)") } }
            try await group.waitForAll()
        }
        await kit.server.rotationDesk.scheduler.plan()
        kit.clock.advance(seconds: 3600)
        let running = Task { await kit.server.rotationDesk.scheduler.run() }
        var tokens = 0
        let start = ContinuousClock.now
        while kit.server.rotationDesk.tallies.rotations < 1000, ContinuousClock.now - start < .seconds(120) {
            try await kit.token(kit.planner)
            tokens += 1
        }
        running.cancel()
        await running.value
        #expect(tokens > 0)
        #expect(kit.server.registry.secrets.all.allSatisfy { $0.current == 2 && $0.latest == 2 })
    }
}

private final class End: Sendable {
    let isReached = Mutex(false)
}
