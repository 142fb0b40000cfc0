package import JOSE
import Synchronization

/// The public keys of other issuers and of clients, wherever they are published.
///
/// A set is fetched once and kept; an unknown `kid` fetches it again, but not more often than the floor, so that
/// nobody can make us hammer an identity provider with tokens of invented keys.
package final class KeySets: Sendable {
    /// Seconds that a fetched set is used before it is fetched again.
    private static let lifetime = 600
    /// The same for a set in a file, which is as near as it can be.
    private static let fileLifetime = 30
    /// Seconds between two fetches from one source, whatever happens.
    private let floor: Int
    /// Bytes of a key set document.
    private static let maximumBytes = 256 * 1024
    private static let maximumSources = 4096

    private struct Cached {
        var set: JWKSet?
        var attemptedAt: Timestamp
        var fetchedAt: Timestamp?
        var fetching: Task<JWKSet, any Error>?
    }

    private let fetcher: any Fetcher
    private let now: Now
    private let cache = Mutex<[KeySource: Cached]>([:])

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
        case .uri(let url): return try await key(for: header, at: KeySource(.url(url), allowPrivate: allowPrivate))
        case .file: throw FetchError("only the keys of a trusted issuer can be in a file")
        }
    }

    /// The key of a trusted issuer that a header names.
    ///
    /// - Throws: like the other.
    package func key(for header: JWTHeader, of issuer: TrustedIssuer) async throws -> JWK {
        guard let source = issuer.keySource else {
            return try await key(for: header, in: issuer.keys, allowPrivate: issuer.allowPrivateNetwork)
        }
        return try await key(for: header, at: source)
    }

    private func key(for header: JWTHeader, at source: KeySource) async throws -> JWK {
        if let key = fresh(source)?.key(for: header) { return key }
        let set = try await refreshed(source)
        guard let key = set.key(for: header) else { throw JWTError.unknownKey }
        return key
    }

    /// Whether one of a client's keys has this thumbprint (RFC 7638). One that is not among the known keys is looked for
    /// once more, not oftener than the floor allows.
    package func contains(_ thumbprint: String, in keys: ClientKeys) async throws -> Bool {
        func has(_ set: JWKSet?) -> Bool {
            set?.keys.contains { $0.thumbprint.utf8.elementsEqual(thumbprint.utf8) } == true
        }
        switch keys {
        case .set(let set, text: _): return has(set)
        case .uri(let url):
            let source = KeySource(.url(url), allowPrivate: false)
            if has(fresh(source)) { return true }
            return has(try await refreshed(source))
        case .file: throw FetchError("only the keys of a trusted issuer can be in a file")
        }
    }

    private func fresh(_ source: KeySource) -> JWKSet? {
        let time = now()
        let lifetime = source.isFile ? Self.fileLifetime : Self.lifetime
        return cache.withLock { cache in
            guard let cached = cache[source], let fetchedAt = cached.fetchedAt,
                time >= fetchedAt, time < fetchedAt.adding(seconds: lifetime)
            else { return nil }
            return cached.set
        }
    }

    /// Fetches, joins a fetch that is under way, or answers with what is known while the floor forbids another.
    private func refreshed(_ source: KeySource) async throws -> JWKSet {
        let time = now()
        let fetching: Task<JWKSet, any Error> = try cache.withLock { cache in
            if let running = cache[source]?.fetching { return running }
            // A time in the future is of a clock that was set back since.
            if let cached = cache[source], time >= cached.attemptedAt,
                time < cached.attemptedAt.adding(seconds: floor)
            {
                guard let set = cached.set else { throw FetchError("the key set could not be fetched a moment ago") }
                return Task { set }
            }
            if cache.count >= Self.maximumSources, cache[source] == nil {
                cache = cache.filter { $0.value.fetching != nil }
            }
            let task = Task<JWKSet, any Error> { [fetcher] in
                let bytes = try await fetcher.fetch(source, maximumBytes: Self.maximumBytes)
                return try JWKSet(json: try JSON(parsing: bytes))
            }
            cache[source, default: Cached(attemptedAt: time)].fetching = task
            cache[source]?.attemptedAt = time
            return task
        }
        do {
            let set = try await fetching.value
            cache.withLock { cache in
                guard cache[source]?.fetching == fetching else { return }
                cache[source]?.fetching = nil
                cache[source]?.set = set
                cache[source]?.fetchedAt = time
            }
            return set
        } catch {
            cache.withLock { cache in
                if cache[source]?.fetching == fetching { cache[source]?.fetching = nil }
            }
            throw error
        }
    }
}
