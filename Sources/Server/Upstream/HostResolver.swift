import NIOPosix
import Synchronization

/// Looks names up on threads of its own, for the system's resolver blocks. Whoever waits stops waiting when their task
/// is cancelled, however long the resolver takes.
struct HostResolver: Sendable {
    /// Few, so that name servers that do not answer cannot take up the process; never ended, as NIO's own pool.
    private static let threads: NIOThreadPool = {
        let threads = NIOThreadPool(numberOfThreads: 4)
        threads.start()
        return threads
    }()

    private let lookUp: @Sendable (String) throws -> [IPAddress]

    init(lookUp: @escaping @Sendable (String) throws -> [IPAddress] = SystemAddresses.all) { self.lookUp = lookUp }

    /// Every address of a host; none when it has none.
    func addresses(of host: String) async throws -> [IPAddress] {
        let answer = Answer()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answer.wait(continuation)
                Self.threads.submit { state in
                    guard state == .active, answer.isAwaited else {
                        answer.give(.failure(CancellationError()))
                        return
                    }
                    answer.give(Result { try lookUp(host) })
                }
            }
        } onCancel: {
            answer.give(.failure(CancellationError()))
        }
    }

    /// The one answer to one question; whatever comes after the first is ignored.
    private final class Answer: Sendable {
        private enum State {
            case asked
            case awaited(CheckedContinuation<[IPAddress], any Error>)
            case given
        }

        private let state = Mutex(State.asked)

        var isAwaited: Bool {
            state.withLock { if case .awaited = $0 { true } else { false } }
        }

        func wait(_ continuation: CheckedContinuation<[IPAddress], any Error>) {
            let isCancelled = state.withLock { state in
                guard case .asked = state else { return true }
                state = .awaited(continuation)
                return false
            }
            if isCancelled { continuation.resume(throwing: CancellationError()) }
        }

        func give(_ result: Result<[IPAddress], any Error>) {
            let continuation: CheckedContinuation<[IPAddress], any Error>? = state.withLock { state in
                defer { state = .given }
                guard case .awaited(let continuation) = state else { return nil }
                return continuation
            }
            continuation?.resume(with: result)
        }
    }
}
