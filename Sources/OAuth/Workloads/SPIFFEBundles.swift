package import JOSE
import Synchronization

/// The bundles of all trust domains that are trusted, in memory and kept fresh.
///
/// Bundles are refreshed beside the requests, as often as each asks to be (`spiffe_refresh_hint`). A request waits only
/// for the first fetch of a bundle, and for one that a new `kid` causes, which the floor bounds: nobody can make us
/// hammer a bundle endpoint. While an endpoint is away, or says something older than it said before, the last good
/// bundle counts for an hour, or three refresh periods when that is longer, and at most for a day. Then nothing of the
/// trust domain is accepted any more.
package final class SPIFFEBundles: Sendable {
    /// Seconds between two attempts for one bundle, whatever happens.
    package static let floor = 10
    /// Seconds between refreshes of a bundle that gives no hint (SPIFFE Trust Domain and Bundle section 4.1.3).
    package static let usualPeriod = 300
    /// Seconds until a refresh that failed is tried again.
    static let pauseAfterFailure = 30
    /// Seconds. A hint is honoured within these.
    static let periods = 10...3600
    /// Seconds between readings of a file: reading is how a change is noticed.
    static let filePeriod = 10
    /// Bytes of a bundle document.
    private static let maximumBytes = 1024 * 1024

    private struct Held {
        let source: Source
        var bundle: SPIFFEBundle?
        /// When the source last said that this is the bundle.
        var confirmedAt: Timestamp?
        var attemptedAt: Timestamp?
        var fetching: Task<SPIFFEBundle, any Error>?
    }

    /// Where a bundle comes from. A source that an operator changes begins anew, also with its sequence.
    private enum Source: Hashable {
        case document(String)
        case fetched(KeySource)
    }

    private let registry: Registry
    private let fetcher: any Fetcher
    private let now: Now
    private let held = Mutex<[TrustDomain: Held]>([:])

    package init(registry: Registry, fetcher: any Fetcher, now: @escaping Now) {
        self.registry = registry
        self.fetcher = fetcher
        self.now = now
    }

    // MARK: Asking

    /// The certificates, as DER, that X.509-SVIDs of a trust domain must chain to. Empty means that none is accepted:
    /// the trust domain is not trusted, or its bundle is not known yet or too old.
    package func authorities(of trustDomain: TrustDomain) -> [[UInt8]] {
        guard let source = source(of: trustDomain) else { return [] }
        return usable(trustDomain, source)?.authorities ?? []
    }

    /// The same, but waits for the first fetch of a bundle that is not known yet.
    package func loadedAuthorities(of trustDomain: TrustDomain) async -> [[UInt8]] {
        guard let source = source(of: trustDomain) else { return [] }
        if usable(trustDomain, source) == nil { _ = try? await refreshed(trustDomain, source) }
        return authorities(of: trustDomain)
    }

    /// The key that a JWT-SVID of the trust domain names. A `kid` is required: no other key is tried.
    ///
    /// - Throws: `JWTError.unknownKey` when the bundle has no such key, `FetchError` when there is no bundle that counts.
    package func key(for header: JWTHeader, of trustDomain: TrustDomain) async throws -> JWK {
        guard let source = source(of: trustDomain) else { throw FetchError("the trust domain is not trusted here") }
        guard header.keyID != nil else { throw JWTError.unknownKey }
        if let key = usable(trustDomain, source)?.jwtKeys.key(for: header) { return key }
        // What a refresh finds counts; when there is none to be had, what is known does.
        _ = try? await refreshed(trustDomain, source)
        guard let bundle = usable(trustDomain, source) else {
            throw FetchError("there is no current bundle of the trust domain")
        }
        guard let key = bundle.jwtKeys.key(for: header) else { throw JWTError.unknownKey }
        return key
    }

    private func source(of trustDomain: TrustDomain) -> Source? {
        guard let issuer = registry.issuer(at: IssuerURL(trustDomain)), issuer.enabled, issuer.kind == .spiffe else {
            return nil
        }
        if case .set(_, let text) = issuer.keys { return .document(text) }
        return issuer.keySource.map(Source.fetched)
    }

    /// The bundle that counts now.
    private func usable(_ trustDomain: TrustDomain, _ source: Source) -> SPIFFEBundle? {
        let time = now()
        return held.withLock { held in
            guard let known = held[trustDomain], known.source == source, let bundle = known.bundle,
                let confirmedAt = known.confirmedAt
            else { return nil }
            if case .document = source { return bundle }
            return time < confirmedAt.adding(seconds: Self.patience(with: bundle, from: source)) ? bundle : nil
        }
    }

    // MARK: Refreshing

    /// Seconds from one refresh to the next.
    private static func period(of bundle: SPIFFEBundle?, from source: Source) -> Int {
        switch source {
        case .document: return periods.upperBound
        case .fetched(let source) where source.isFile: return filePeriod
        case .fetched:
            guard let hint = bundle?.refreshHint, hint > 0 else { return usualPeriod }
            return min(max(Int(clamping: hint), periods.lowerBound), periods.upperBound)
        }
    }

    /// Seconds for which a bundle counts that is not confirmed again.
    private static func patience(with bundle: SPIFFEBundle, from source: Source) -> Int {
        min(max(3600, 3 * period(of: bundle, from: source)), 86_400)
    }

    /// How a refresh ended, for the log.
    package enum Outcome: Sendable {
        case kept
        /// Why it failed, and what counts until the next one.
        case failed(String)
    }

    /// Refreshes what is due, again and again, until the task is cancelled.
    package func run(_ report: @Sendable (TrustDomain, Outcome) -> Void) async {
        while !Task.isCancelled {
            await refreshDue(report)
            try? await Task.sleep(for: .seconds(2))
        }
    }

    /// Refreshes every bundle whose time has come, and forgets those of trust domains that are gone.
    package func refreshDue(_ report: @Sendable (TrustDomain, Outcome) -> Void = { _, _ in }) async {
        let domains = registry.trustDomains
        held.withLock { held in held = held.filter { domains.contains($0.key) || $0.value.fetching != nil } }
        let time = now()
        for domain in domains {
            guard let source = source(of: domain), isDue(domain, source, at: time) else { continue }
            do {
                _ = try await refreshed(domain, source)
                report(domain, .kept)
            } catch {
                let rest =
                    usable(domain, source) == nil
                    ? "there is none that counts, so nothing of the trust domain is accepted"
                    : "the last one counts for a while"
                report(domain, .failed("\(error); \(rest)"))
            }
        }
    }

    /// Trust domains, enabled ones, whose bundle is not known or could not be refreshed the last time.
    package var staleCount: Int {
        let sources = registry.trustDomains.compactMap { domain in source(of: domain).map { (domain, $0) } }
        return held.withLock { held in
            sources.count { domain, source in
                guard let known = held[domain], known.source == source, let confirmedAt = known.confirmedAt else {
                    return true
                }
                return known.fetching == nil && known.attemptedAt != confirmedAt
            }
        }
    }

    private func isDue(_ trustDomain: TrustDomain, _ source: Source, at time: Timestamp) -> Bool {
        held.withLock { held in
            guard let known = held[trustDomain], known.source == source, let attemptedAt = known.attemptedAt else {
                return true
            }
            if case .document = source { return known.bundle == nil }
            let period = Self.period(of: known.bundle, from: source)
            let wait = known.confirmedAt == attemptedAt ? period : min(period, Self.pauseAfterFailure)
            return time >= attemptedAt.adding(seconds: wait) || time < attemptedAt
        }
    }

    /// Fetches, or joins a fetch that is under way. Within the floor of the last attempt nothing is fetched.
    private func refreshed(_ trustDomain: TrustDomain, _ source: Source) async throws -> SPIFFEBundle {
        let time = now()
        let task: Task<SPIFFEBundle, any Error> = try held.withLock { held in
            var known = held[trustDomain] ?? Held(source: source)
            if known.source != source { known = Held(source: source) }
            if let running = known.fetching { return running }
            if let attemptedAt = known.attemptedAt, time >= attemptedAt, time < attemptedAt.adding(seconds: Self.floor)
            {
                throw FetchError("the bundle was asked for a moment ago")
            }
            let task = Task<SPIFFEBundle, any Error> { [fetcher] in try await Self.read(source, by: fetcher) }
            known.fetching = task
            known.attemptedAt = time
            held[trustDomain] = known
            return task
        }
        let result = await task.result
        return try held.withLock { held in
            guard var known = held[trustDomain], known.fetching == task else { return try result.get() }
            known.fetching = nil
            defer { held[trustDomain] = known }
            let bundle = try result.get()
            if let before = known.bundle?.sequence, let after = bundle.sequence, after < before {
                throw FetchError("the bundle is older than the one that is known: its sequence went backwards")
            }
            known.bundle = bundle
            known.confirmedAt = time
            return bundle
        }
    }

    private static func read(_ source: Source, by fetcher: any Fetcher) async throws -> SPIFFEBundle {
        let json: JSON
        switch source {
        case .document(let text): json = try JSON(parsing: text)
        case .fetched(let source):
            json = try JSON(parsing: try await fetcher.fetch(source, maximumBytes: maximumBytes))
        }
        return try SPIFFEBundle(json: json)
    }
}
