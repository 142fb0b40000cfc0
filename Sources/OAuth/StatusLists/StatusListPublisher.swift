import Crypto
import JOSE
import Revocations
import Synchronization

/// Signs the status lists, for gateways that fetch rather than follow (Token Status List section 5.1).
///
/// The bits of a list are computed when somebody asks and something has been revoked since, by one task however many
/// ask, and for a tenth of the time at most: in a storm of revocations those who ask wait for the next turn together,
/// and get what shows everything that was revoked before they asked.
package final class StatusListPublisher: Sendable {
    /// A list as it goes out.
    package struct Document: Sendable {
        package let bytes: [UInt8]
        /// Changes with the bytes.
        package let tag: String
        fileprivate let issuedAt: Int64
    }

    /// What the bits follow from, besides the tokens of the list: a new token is a zero, as an empty place is.
    private struct Version {
        let revocation: Int64
        let alteration: UInt64

        /// Whether bits of this version show everything that was known at another one.
        func covers(_ other: Version) -> Bool { revocation >= other.revocation && alteration >= other.alteration }
    }

    private struct Bits {
        let version: Version
        let encoded: String
        /// Before that they are not computed again.
        let restUntil: ContinuousClock.Instant
    }

    private struct Cached {
        var bits: Bits?
        var document: Document?
        var making: Task<Void, any Error>?
    }

    package static let type = "statuslist+jwt"
    package static let defaultLifetime = 10
    /// A list rests for so many times as long as it took, but not longer than the limit.
    private static let restFactor = 9
    private static let longestRest = Duration.seconds(1)

    /// Seconds for which a list may be kept: how long a revoked token may still look valid to who keeps it so long.
    package let lifetime: Int
    private let issuer: IssuerURL
    private let keys: SigningKeys
    private let registry: Registry
    private let revocations: RevocationSet
    private let feed: RevocationFeed
    private let cache = Mutex<[StatusListID: Cached]>([:])

    init(
        issuer: IssuerURL, keys: SigningKeys, registry: Registry, revocations: RevocationSet, feed: RevocationFeed,
        lifetime: Int
    ) {
        self.issuer = issuer
        self.keys = keys
        self.registry = registry
        self.revocations = revocations
        self.feed = feed
        self.lifetime = lifetime
    }

    /// The URIs of all lists that have a live token (section 9).
    package var uris: [String] { registry.statusLists.lists.map { $0.uri(issuer: issuer) } }

    /// The signed list, nil when there is none of this name or its last token has expired.
    package func document(_ id: StatusListID, at now: Timestamp) async throws -> Document? {
        let wanted = version
        while registry.statusLists.tokens(in: id) != nil {
            if let bits = cache.withLock({ $0[id]?.bits }), bits.version.covers(wanted) {
                return try document(id, of: bits, at: now)
            }
            // What was begun before the latest change may not show it: look again when it is done.
            try await making(id, at: now).value
        }
        return nil
    }

    /// What is known now. Read before anything is computed from it: what comes in later is then shown or asked for.
    private var version: Version { Version(revocation: feed.head, alteration: registry.alterations) }

    /// The task that computes the bits; it is started unless it runs.
    private func making(_ id: StatusListID, at now: Timestamp) -> Task<Void, any Error> {
        cache.withLock { cache in
            if let running = cache[id]?.making { return running }
            let restUntil = cache[id]?.bits?.restUntil
            let task = Task<Void, any Error> { [self] in
                defer { self.cache.withLock { $0[id]?.making = nil } }
                if let restUntil { try await Task.sleep(until: restUntil, clock: .continuous) }
                let bits = try compute(id, at: now)
                self.cache.withLock { cache in
                    cache[id]?.bits = bits
                    cache[id]?.document = nil
                }
            }
            cache[id, default: Cached()].making = task
            return task
        }
    }

    private func compute(_ id: StatusListID, at now: Timestamp) throws -> Bits {
        let start = ContinuousClock.now
        let version = version
        var bits = StatusBits(count: StatusLists.size)
        for token in registry.statusLists.tokens(in: id) ?? [] {
            let isDead =
                revocations.isDead(token.identity.ids)
                || !registry.upholds(token.identity, for: token.audience, at: now)
            if isDead { bits.setInvalid(token.reference.index) }
        }
        let encoded = try bits.encoded()
        let end = ContinuousClock.now
        let rest = min((end - start) * Self.restFactor, Self.longestRest)
        return Bits(version: version, encoded: encoded, restUntil: end + rest)
    }

    /// The bits with a signature that is at most `lifetime` old. What is kept for as long again is still within `exp`.
    private func document(_ id: StatusListID, of bits: Bits, at now: Timestamp) throws -> Document {
        let known = cache.withLock { cache -> Document? in
            guard let cached = cache[id], cached.bits?.encoded == bits.encoded else { return nil }
            return cached.document
        }
        if let known, (known.issuedAt..<known.issuedAt + Int64(lifetime)).contains(now.seconds) { return known }
        var claims: JSONObject = [
            Claim.issuer: .string(issuer.text),
            Claim.subject: .string(id.uri(issuer: issuer)),
            Claim.issuedAt: .integer(now.seconds),
            Claim.expires: .integer(now.adding(seconds: 2 * lifetime).seconds),
            "ttl": .integer(Int64(lifetime)),
        ]
        claims["status_list"] = .object(["bits": 1, "lst": .string(bits.encoded)])
        guard let key = keys.active(.es256, at: now) else { throw MissingSigningKey(algorithm: .es256) }
        let bytes = Array(try key.compactJWS(type: Self.type, payload: JSON.object(claims).serialized).utf8)
        let document = Document(
            bytes: bytes, tag: "\"" + Base64URL.encode(Array(SHA256.hash(data: bytes)).prefix(16)) + "\"",
            issuedAt: now.seconds
        )
        cache.withLock { cache in
            if cache[id]?.bits?.encoded == bits.encoded { cache[id]?.document = document }
        }
        return document
    }

    /// Forgets what was made of lists that are gone.
    func prune() {
        let live = Set(registry.statusLists.lists)
        cache.withLock { cache in cache = cache.filter { live.contains($0.key) } }
    }
}
