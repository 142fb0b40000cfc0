/// Counts attempts in windows of time, for many keys, in bounded memory.
///
/// When there is no room, what has expired goes first, then the lowest counts, at least half of all: keys that are made
/// up by the thousand have one each, and do not push out what was counted of a key that is attacked.
struct AttemptTable<Key: Hashable & Sendable>: Sendable {
    private struct Window {
        var start: Timestamp
        var count: Int
        /// When one was let through beyond the limit.
        var passedAt: Timestamp?
    }

    /// Seconds.
    let seconds: Int
    let capacity: Int
    private var windows: [Key: Window] = [:]

    init(seconds: Int, capacity: Int) {
        self.seconds = seconds
        self.capacity = max(2, capacity)
    }

    /// Keys that are remembered.
    var size: Int { windows.count }

    func count(_ key: Key, at now: Timestamp) -> Int { current(key, at: now)?.count ?? 0 }

    /// Seconds until the window of a key ends, at least one.
    func rest(_ key: Key, at now: Timestamp) -> Int {
        guard let window = current(key, at: now) else { return 1 }
        let end = window.start.adding(seconds: seconds)
        return max(1, Int(clamping: (end.milliseconds - now.milliseconds + 999) / 1000))
    }

    mutating func add(_ key: Key, at now: Timestamp) {
        if var window = current(key, at: now) {
            window.count += 1
            windows[key] = window
            return
        }
        if windows[key] == nil, windows.count >= capacity { makeRoom(at: now) }
        windows[key] = Window(start: now, count: 1)
    }

    /// Whether one more may pass beyond the limit: one in each so many milliseconds.
    mutating func lets(_ key: Key, passEvery milliseconds: Int64, at now: Timestamp) -> Bool {
        guard var window = current(key, at: now) else { return true }
        if let last = window.passedAt, last <= now, now.milliseconds - last.milliseconds < milliseconds { return false }
        window.passedAt = now
        windows[key] = window
        return true
    }

    /// The window of a key unless it is over. One that begins in the future is of a clock that was set back since.
    private func current(_ key: Key, at now: Timestamp) -> Window? {
        guard let window = windows[key], isCurrent(window, at: now) else { return nil }
        return window
    }

    private func isCurrent(_ window: Window, at now: Timestamp) -> Bool {
        now >= window.start && now < window.start.adding(seconds: seconds)
    }

    private mutating func makeRoom(at now: Timestamp) {
        windows = windows.filter { isCurrent($0.value, at: now) }
        guard windows.count > capacity / 2 else { return }
        let lowest = greatestCountToForget
        let highest = windows.filter { $0.value.count > lowest }
        windows =
            highest.isEmpty
            ? Dictionary(uniqueKeysWithValues: windows.prefix(capacity / 2).map { ($0.key, $0.value) }) : highest
    }

    /// Not more than half of all count more than this.
    private var greatestCountToForget: Int {
        var having: [Int: Int] = [:]
        for window in windows.values { having[window.count, default: 0] += 1 }
        var above = 0
        for (count, number) in having.sorted(by: { $0.key > $1.key }) {
            above += number
            if above > capacity / 2 { return count }
        }
        return 0
    }
}
