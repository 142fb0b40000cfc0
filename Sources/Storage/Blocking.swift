import Dispatch

/// The one door for work that blocks: files and compression never run where requests are answered.
enum Blocking {
    private static let queue = DispatchQueue(label: "legate.storage.blocking", attributes: .concurrent)

    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: work)) }
        }
    }
}
