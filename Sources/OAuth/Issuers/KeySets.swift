package import JOSE
import Synchronization

/// The public keys of other issuers and of clients, by file or by URL.
///
/// A set is fetched once and kept; an unknown `kid` fetches it again, but not more often than the floor, so that
/// nobody can make us hammer an identity provider with tokens of invented keys.
package final class KeySets: Sendable {
    /// Seconds that a fetched set is used before it is fetched again.
    private let lifetime = 600
    /// Seconds between two fetches of one URL, whatever happens.
    private let floor: Int
    /// Bytes of a key set document.
    private static let maximumBytes = 256 * 1024
    private static let maximumURLs = 4096

    private struct Cached {
        var set: JWKSet?
        var attemptedAt: Timestamp
        var fetchedAt: Timestamp?
        var fetching: Task<JWKSet, any Error>?
    }

    private let fetcher: any Fetcher
    private let now: Now
    private let cache = Mutex<[String: Cached]>([:])

    package init(fetcher: any Fetcher, now: @escaping Now, floor: Int = 10) {
        self.fetcher = fetcher
        self.now = now
        self.floor = floor
    }

    /// The key that a header names.
    ///
    /// - Throws: `JWTError.unknownKey` when the set has no such key, `FetchError` when the set cannot be had.
    package func key(for header: JWTHeader, in keys: ClientKeys, allowPrivate: Bool) async throws -> JWK {
        switch keys {
        case .set(let set, text: _):
            guard let key = set.key(for: header) else { throw JWTError.unknownKey }
            return key
        case .uri(let url):
            if let key = fresh(url)?.key(for: header) { return key }
            let set = try await refreshed(url, allowPrivate: allowPrivate)
            guard let key = set.key(for: header) else { throw JWTError.unknownKey }
            return key
        }
    }

    private func fresh(_ url: String) -> JWKSet? {
        let time = now()
        return cache.withLock { cache in
            guard let cached = cache[url], let fetchedAt = cached.fetchedAt,
                time < fetchedAt.adding(seconds: lifetime)
            else { return nil }
            return cached.set
        }
    }

    /// Fetches, joins a fetch that is under way, or answers with what is known while the floor forbids another.
    private func refreshed(_ url: String, allowPrivate: Bool) async throws -> JWKSet {
        let time = now()
        let fetching: Task<JWKSet, any Error> = try cache.withLock { cache in
            if let running = cache[url]?.fetching { return running }
            if let cached = cache[url], time < cached.attemptedAt.adding(seconds: floor) {
                guard let set = cached.set else { throw FetchError("the key set could not be fetched a moment ago") }
                return Task { set }
            }
            if cache.count >= Self.maximumURLs, cache[url] == nil {
                cache = cache.filter { $0.value.fetching != nil }
            }
            let task = Task<JWKSet, any Error> { [fetcher] in
                let bytes = try await fetcher.fetch(url, allowPrivate: allowPrivate, maximumBytes: Self.maximumBytes)
                return try JWKSet(json: try JSON(parsing: bytes))
            }
            cache[url, default: Cached(attemptedAt: time)].fetching = task
            cache[url]?.attemptedAt = time
            return task
        }
        do {
            let set = try await fetching.value
            cache.withLock { cache in
                guard cache[url]?.fetching == fetching else { return }
                cache[url]?.fetching = nil
                cache[url]?.set = set
                cache[url]?.fetchedAt = time
            }
            return set
        } catch {
            cache.withLock { cache in
                if cache[url]?.fetching == fetching { cache[url]?.fetching = nil }
            }
            throw error
        }
    }
}
