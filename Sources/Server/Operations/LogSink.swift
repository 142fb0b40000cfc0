import Glibc
package import JOSE
import ServiceLifecycle
import Synchronization

/// Where log lines go: collected in memory and written to standard error a few times a second, so that no request
/// waits for a slow reader. Bounded: what cannot be kept is dropped and counted.
package final class LogSink: Service {
    private struct State {
        var bytes: [UInt8] = []
        var dropped = 0
    }

    /// Bytes that wait at most.
    private static let capacity = 4 * 1024 * 1024
    private let state = Mutex(State())
    private let descriptor: Int32

    package init(descriptor: Int32 = STDERR_FILENO) { self.descriptor = descriptor }

    /// Adds one line of JSON.
    package func write(_ line: (inout JSONWriter) -> Void) {
        var json = JSONWriter(capacity: 384)
        line(&json)
        state.withLock { state in
            guard state.bytes.count + json.bytes.count < Self.capacity else {
                state.dropped += 1
                return
            }
            state.bytes.append(contentsOf: json.bytes)
            state.bytes.append(0x0A)
        }
    }

    /// Writes out what has been collected.
    package func flush() {
        let (bytes, dropped) = state.withLock { state in
            defer { state = State() }
            return (state.bytes, state.dropped)
        }
        put(bytes)
        if dropped > 0 {
            put(Array(#"{"level":"error","message":"log lines were dropped","count":\#(dropped)}"#.utf8) + [0x0A])
        }
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(50))
                self.flush()
            }
        }
        flush()
    }

    private func put(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
