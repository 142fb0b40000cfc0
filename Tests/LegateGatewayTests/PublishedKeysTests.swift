import JOSE
import Synchronization
import Testing

@testable import LegateGateway

private final class Counter: Sendable {
    private let state = Mutex(0)

    var value: Int { state.withLock { $0 } }

    func step() { state.withLock { $0 += 1 } }
}

@Suite("The key set")
struct PublishedKeysTests {
    let time = TestTime(isRunning: true)

    @Test("a stranger's key ids order no fetches")
    func floor() throws {
        let time = TestTime()
        let keys = PublishedKeys(clock: time.clock)
        keys.take(try Signer().set, maximumAge: 300)
        for _ in 0..<100 { keys.request(floor: PublishedKeys.strangersFloor) }
        // Never attempted by `keep`: the first one may be at once.
        #expect(keys.request(floor: PublishedKeys.strangersFloor) == .zero)
    }

    @Test("many unknown key ids are one fetch in ten seconds, and who waits for it is let go")
    func oneFetch() async throws {
        let keys = PublishedKeys(clock: time.clock)
        let fetches = Counter()
        let set = try Signer().set
        await withTaskGroup(of: Void.self) { [time] group in
            group.addTask {
                await keys.keep {
                    fetches.step()
                    keys.take(set, maximumAge: 300)
                }
            }
            await keys.refreshed(floor: PublishedKeys.feedFloor, patience: .seconds(5))
            #expect(keys.current != nil)
            let first = fetches.value
            for _ in 0..<50 {
                await keys.refreshed(floor: PublishedKeys.strangersFloor, patience: .seconds(2))
            }
            #expect(fetches.value == first)
            time.passUnseen(PublishedKeys.strangersFloor)
            await keys.refreshed(floor: PublishedKeys.strangersFloor, patience: .seconds(2))
            #expect(fetches.value == first + 1)
            group.cancelAll()
        }
    }

    @Test("nobody waits longer than he wants to for a set that does not come", .timeLimit(.minutes(1)))
    func patience() async {
        let keys = PublishedKeys(clock: time.clock)
        await keys.refreshed(floor: .zero, patience: .milliseconds(50))
        #expect(keys.current == nil)
    }

    @Test("a set that cannot be read again stays for a day, and no longer")
    func oldAge() throws {
        let time = TestTime()
        let keys = PublishedKeys(clock: time.clock)
        keys.take(try Signer().set, maximumAge: 10)
        for _ in 0..<40 { keys.failed() }
        time.passUnseen(PublishedKeys.longestLife)
        #expect(keys.current != nil)
        time.passUnseen(.seconds(1))
        #expect(keys.current == nil)
    }

    @Test("only a set with other keys is news")
    func news() throws {
        let keys = PublishedKeys(clock: time.clock)
        let (one, two) = (try Signer(), try Signer())
        let both = JWKSet(keys: one.set.keys + two.set.keys)
        #expect(keys.take(both, maximumAge: nil)?.keys.count == 2)
        #expect(keys.take(both, maximumAge: nil) == nil)
        #expect(keys.revoke(one.key.keyID)?.keys == two.set.keys)
        #expect(keys.revoke(one.key.keyID) == nil)
        #expect(keys.take(both, maximumAge: nil) == nil)
        #expect(keys.current?.keys == two.set.keys)
    }

    @Test(
        "Cache-Control is read",
        arguments: [
            (["public, max-age=300"], 300), (["MAX-AGE = 5"], 5), (["no-store"], 0), (["private"], nil), ([], nil),
            (["max-age=x"], nil), (["max-age=-1"], nil), (["s-maxage=9", "max-age=7"], 7),
        ] as [([Substring], Int64?)])
    func cacheControl(fields: [Substring], seconds: Int64?) {
        #expect(Upstream.maximumAge(fields) == seconds)
    }
}
