import JOSE
import Synchronization

/// The issuer's key set as the gateway knows it, and when it must be read again.
///
/// A token with an unknown `kid` asks for the set to be read again, at most once in `strangersFloor`: a stranger who makes
/// up key ids orders no fetches. The feed, whose sender is known, may ask more often. A fetch that fails leaves the known
/// set in place for `longestLife`; a key that was revoked is dropped at once and never comes back.
final class PublishedKeys: Sendable {
    private struct State {
        var set: JWKSet?
        var revoked: Set<String> = []
        var lastAttempt: Duration?
        var lastSuccess: Duration?
        var due: Duration?
        var failures = 0
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var lastWaiter: UInt64 = 0
    }

    /// For how long a set is used when it cannot be read again. What is revoked comes by the feed meanwhile.
    static let longestLife = Duration.seconds(86_400)
    /// Between two fetches that unknown key ids of tokens ask for.
    static let strangersFloor = Duration.seconds(10)
    /// Between two fetches that the feed asks for.
    static let feedFloor = Duration.seconds(1)
    /// The server publishes a key 60 s longer than this before it signs with it.
    private static let greatestAge: Int64 = 300
    private static let leastAge: Int64 = 10
    /// Key ids that are remembered as revoked.
    private static let mostRevoked = 1024

    private let clock: GatewayClock
    private let state = Mutex(State())
    private let wake: AsyncStream<Void>.Continuation
    private let wakes: AsyncStream<Void>

    init(clock: GatewayClock) {
        self.clock = clock
        (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// The keys that may verify something now; nil when there are none.
    var current: JWKSet? {
        let now = clock.elapsed()
        return state.withLock { state in
            guard let set = state.set, let last = state.lastSuccess, now - last <= Self.longestLife else { return nil }
            return set
        }
    }

    /// Puts a set that was read into place.
    ///
    /// - Parameter maximumAge: the `max-age` of its answer in seconds, if it named one.
    /// - Returns: the keys that count, when they are others than before.
    @discardableResult
    func take(_ set: JWKSet, maximumAge: Int64?) -> JWKSet? {
        let now = clock.elapsed()
        let age = min(max(maximumAge ?? Self.greatestAge, Self.leastAge), Self.greatestAge)
        return state.withLock { state in
            let kept = JWKSet(keys: set.keys.filter { key in key.keyID.map { !state.revoked.contains($0) } ?? true })
            let isNew = state.set?.keys != kept.keys
            state.set = kept
            state.lastSuccess = now
            state.due = now + .seconds(age)
            state.failures = 0
            return isNew ? kept : nil
        }
    }

    /// Notes that the set could not be read: it is tried again after 1, 2, 4 … 30 s.
    func failed() {
        let now = clock.elapsed()
        state.withLock { state in
            state.failures = min(state.failures + 1, 16)
            state.due = now + .seconds(min(30, 1 << (state.failures - 1)))
        }
    }

    /// Drops a revoked key for good, and asks for the set that has its successor.
    ///
    /// - Returns: the keys that are left, when it was one of them.
    func revoke(_ keyID: String) -> JWKSet? {
        let left: JWKSet? = state.withLock { state in
            if state.revoked.count < Self.mostRevoked { state.revoked.insert(keyID) }
            guard let set = state.set, set.keys.contains(where: { $0.keyID == keyID }) else { return nil }
            let left = JWKSet(keys: set.keys.filter { $0.keyID != keyID })
            state.set = left
            return left
        }
        request(floor: Self.feedFloor)
        return left
    }

    /// Asks for the set to be read again, no sooner than `floor` after the last attempt.
    ///
    /// - Returns: how long that takes, at least.
    @discardableResult
    func request(floor: Duration) -> Duration {
        let now = clock.elapsed()
        let (wait, isSooner) = state.withLock { state in
            let due = max(now, (state.lastAttempt ?? now - floor) + floor)
            let isSooner = state.due.map { due < $0 } ?? true
            if isSooner { state.due = due }
            return ((state.due ?? due) - now, isSooner)
        }
        if isSooner || wait <= .zero { wake.yield() }
        return wait
    }

    /// Asks for the set and waits for the answer, good or bad, but no longer than `patience`. Returns at once when it
    /// cannot come in that time, or the task is cancelled.
    func refreshed(floor: Duration, patience: Duration) async {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let timer = Task {
            try? await Task.sleep(for: patience)
            letGo(number)
        }
        defer { timer.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Waits first and asks then, so that the answer cannot come in between.
                let isWaiting = state.withLock { state in
                    guard !Task.isCancelled else { return false }
                    state.waiting[number] = continuation
                    return true
                }
                guard isWaiting else {
                    continuation.resume()
                    return
                }
                if request(floor: floor) > patience { letGo(number) }
            }
        } onCancel: {
            letGo(number)
        }
    }

    private func letGo(_ number: UInt64) {
        state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
    }

    /// Reads the set whenever it is due, until the task is cancelled.
    ///
    /// - Parameter read: one attempt; it calls `take` or `failed`.
    func keep(_ read: () async -> Void) async {
        while !Task.isCancelled {
            let wait = state.withLock { $0.due.map { $0 - clock.elapsed() } ?? .zero }
            if wait > .zero {
                await sleep(wait)
                continue
            }
            state.withLock { $0.lastAttempt = clock.elapsed() }
            await read()
            let waiting = state.withLock { state in
                defer { state.waiting.removeAll() }
                return Array(state.waiting.values)
            }
            for waiter in waiting { waiter.resume() }
        }
    }

    /// Sleeps until the time is over or somebody asks.
    private func sleep(_ wait: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: wait) }
            group.addTask { [wakes] in
                var asked = wakes.makeAsyncIterator()
                _ = await asked.next()
            }
            await group.next()
            group.cancelAll()
        }
    }
}
