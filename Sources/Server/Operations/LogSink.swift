import Dispatch
import Glibc
package import JOSE
import ServiceLifecycle
import Synchronization
import Vault

/// Where log lines go: collected in memory and written to standard error by a thread of its own, a few times a second,
/// so that no request waits for a slow reader.
///
/// Memory is bounded: when the reader is slower than the requests, lines are dropped, counted, and the count is logged.
package final class LogSink: Service {
    private struct State {
        var bytes: [UInt8] = []
        /// Bytes that the writer took and has not got rid of yet.
        var inFlight = 0
        var dropped = 0
        /// A flush is due when the interval is over.
        var isTimed = false
        /// A flush is on its way.
        var isHurried = false
    }

    /// Bytes that wait at most, those being written included.
    static let capacity = 4 * 1024 * 1024
    /// Bytes that are not kept waiting for the interval's end.
    private static let batch = 64 * 1024
    private static let interval = DispatchTimeInterval.milliseconds(50)
    /// For the last flush: a reader that is stuck must not keep the process from ending.
    private static let patience = DispatchTimeInterval.seconds(2)

    private let state = Mutex(State())
    /// Serial: lines come out whole and in order.
    private let writer = DispatchQueue(label: "log")
    private let descriptor: Int32

    package init(descriptor: Int32 = STDERR_FILENO) { self.descriptor = descriptor }

    /// Adds one line of JSON. Never waits for the writer.
    ///
    /// - Parameter urgent: written at once rather than at the end of the interval.
    package func write(urgent: Bool = false, _ line: (inout JSONWriter) -> Void) {
        var json = JSONWriter(capacity: 384)
        line(&json)
        let length = json.bytes.count + 1
        let (mustHurry, mustTime) = state.withLock { state in
            guard state.bytes.count + state.inFlight + length <= Self.capacity else {
                state.dropped += 1
                return (false, false)
            }
            if state.bytes.isEmpty { state.bytes.reserveCapacity(Self.batch) }
            state.bytes.append(contentsOf: json.bytes)
            state.bytes.append(0x0A)
            if urgent || state.bytes.count >= Self.batch {
                defer { state.isHurried = true }
                return (!state.isHurried, false)
            }
            defer { state.isTimed = true }
            return (false, !state.isTimed && !state.isHurried)
        }
        if mustHurry {
            writer.async { self.drain() }
        } else if mustTime {
            writer.asyncAfter(deadline: .now() + Self.interval) { self.drain() }
        }
    }

    /// Writes out what has been collected and waits for it, 2 seconds at most. For the end of the process.
    package func flush() {
        let isDone = DispatchSemaphore(value: 0)
        writer.async {
            self.drain()
            isDone.signal()
        }
        _ = isDone.wait(timeout: .now() + Self.patience)
    }

    /// Waits until the server stops, and writes what is left.
    package func run() async throws {
        try? await gracefulShutdown()
        flush()
    }

    /// On the writer's thread alone.
    private func drain() {
        var (bytes, dropped) = state.withLock { state in
            defer {
                state.inFlight = state.bytes.count
                state.bytes = []
                state.dropped = 0
                state.isTimed = false
                state.isHurried = false
            }
            return (state.bytes, state.dropped)
        }
        if dropped > 0 { bytes += Self.report(dropped) }
        let lost = put(bytes)
        state.withLock { state in
            state.inFlight = 0
            state.dropped += lost
        }
    }

    private static func report(_ dropped: Int) -> [UInt8] {
        var json = JSONWriter(capacity: 128)
        json.beginObject()
        json.member("time", RFC3339Time.format(WallClock.milliseconds()))
        json.member("level", "error")
        json.member("label", "legate")
        json.member("message", "log lines were dropped")
        json.member("count", Int64(dropped))
        json.endObject()
        return json.bytes + [0x0A]
    }

    /// One write, more only when the system takes a part.
    ///
    /// - Returns: lines that could not be written.
    private func put(_ bytes: [UInt8]) -> Int {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count < 0, errno == EAGAIN {
                // Somebody who shares the descriptor made it non-blocking.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&wanted, 1, 1000)
            } else if count == 0 || errno != EINTR {
                return rest.count { $0 == 0x0A }
            }
        }
        return 0
    }
}
