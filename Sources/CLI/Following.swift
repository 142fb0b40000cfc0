import JOSE
import UnixSignals

/// A list that goes on: `--follow`.
enum Following {
    /// Runs until SIGINT or SIGTERM; then there is nothing wrong, and the exit code is 0.
    static func untilInterrupted(_ work: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let following = Task { try await work() }
        let watching = Task {
            for await _ in signals { following.cancel() }
        }
        defer { watching.cancel() }
        do {
            try await following.value
        } catch  where following.isCancelled {
            return
        }
    }

    /// Asks each second for what came after the last item seen. A server that is away for a while is waited for.
    ///
    /// - Parameters:
    ///   - path: of a list of the admin API whose items have a `seq`, in order.
    ///   - show: writes one item.
    static func items(
        of path: String, after first: Int64?, where query: [(name: String, value: String?)] = [],
        from server: AdminClient, note: (String) -> Void, show: (JSONObject) throws -> Void
    ) async throws {
        // Only a server that was there once is waited for.
        _ = try await server.discovery()
        var last = first ?? 0
        var isWaiting = false
        while !Task.isCancelled {
            do {
                let more =
                    try await server.get(path, query + [("after", String(last)), ("limit", "1000")]).object ?? [:]
                if isWaiting { note("the server is back") }
                isWaiting = false
                for item in (more["items"]?.array ?? []).compactMap(\.object) {
                    try show(item)
                    last = max(last, item["seq"]?.integer ?? last)
                }
                if more["next"]?.string != nil { continue }
            } catch let error as ServerUnreachable {
                if !isWaiting { note("\(error); trying again") }
                isWaiting = true
            }
            try await Task.sleep(for: .seconds(1))
        }
    }
}
