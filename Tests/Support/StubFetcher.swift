package import JOSE
package import OAuth
import Synchronization

/// The network as far as the server may go: documents at URLs, counted, and missing where a test took them away.
package final class StubFetcher: Fetcher {
    private struct State {
        var documents: [String: [UInt8]] = [:]
        var requests: [String: Int] = [:]
        var providers: [String: @Sendable (FormPost) async throws -> FormAnswer] = [:]
        var isHolding = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Puts a document at a URL, or takes it away.
    package func put(_ document: JSONObject?, at url: String) {
        state.withLock { $0.documents[url] = document?.serialized }
    }

    package func put(bytes: [UInt8], at url: String) {
        state.withLock { $0.documents[url] = bytes }
    }

    /// Answers the forms that are sent to a URL, or nobody does.
    package func answer(at url: String, _ provider: (@Sendable (FormPost) async throws -> FormAnswer)?) {
        state.withLock { $0.providers[url] = provider }
    }

    package func post(
        _ form: FormPost, allowPrivate: Bool, maximumBytes: Int
    ) async throws(FetchError) -> FormAnswer {
        let provider = state.withLock { state in
            state.requests[form.url, default: 0] += 1
            return state.providers[form.url]
        }
        guard let provider else { throw FetchError("nobody answers at \(form.url)") }
        do {
            return try await provider(form)
        } catch {
            throw FetchError("\(error)")
        }
    }

    /// How often a URL was asked for.
    package func requests(for url: String) -> Int { state.withLock { $0.requests[url, default: 0] } }

    /// Makes every fetch wait until `release`.
    package func hold() { state.withLock { $0.isHolding = true } }

    package func release() {
        let waiting = state.withLock { state in
            state.isHolding = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// The files of the server's own directory are documents at `file:NAME`.
    package func fetch(_ source: KeySource, maximumBytes: Int) async throws(FetchError) -> [UInt8] {
        let place =
            switch source.place {
            case .url(let url): url
            case .file(let file): "file:\(file)"
            }
        return try await fetch(place, allowPrivate: source.allowPrivate, maximumBytes: maximumBytes)
    }

    package func fetch(_ url: String, allowPrivate: Bool, maximumBytes: Int) async throws(FetchError) -> [UInt8] {
        state.withLock { $0.requests[url, default: 0] += 1 }
        await withCheckedContinuation { continuation in
            let mustWait = state.withLock { state in
                if state.isHolding { state.waiting.append(continuation) }
                return state.isHolding
            }
            if !mustWait { continuation.resume() }
        }
        guard let bytes = state.withLock({ $0.documents[url] }) else { throw FetchError("nothing at \(url)") }
        guard bytes.count <= maximumBytes else { throw FetchError("too large") }
        return bytes
    }
}
