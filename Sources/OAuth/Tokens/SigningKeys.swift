package import JOSE
import Synchronization
package import Vault

/// Legate's signing keys in memory, one or more for each algorithm that a resource asks for.
///
/// Their state follows from the clock alone: the newest key whose time has come signs; a later one is published so
/// that gateways know it in advance; an earlier one stays published until the last token signed with it has expired.
package final class SigningKeys: Sendable {
    /// The word that the admin API uses for a key's state.
    package enum Status: String, Sendable { case next, active, retiring, revoked, retired }

    /// A key as it is kept, and opened.
    package final class Held: Sendable {
        package let stored: StoredSigningKey
        package let key: SigningKey

        init(stored: StoredSigningKey, key: SigningKey) {
            self.stored = stored
            self.key = key
        }
    }

    /// Seconds that gateways may cache the key set.
    package static let cacheLifetime = 300
    /// Seconds between publishing a key and signing with it: no gateway can still have an older set.
    package static let publishedBeforeUse = cacheLifetime + 60

    private struct State {
        var held: [Held]
        /// The published set as of a moment, until when it holds.
        var published: (set: JWKSet, until: Int64)?
    }

    private let state: Mutex<State>

    package init(_ held: [Held]) {
        state = Mutex(State(held: held))
    }

    /// Opens the sealed keys.
    package convenience init(opening stored: [StoredSigningKey], with barrier: Barrier) throws {
        self.init(
            try stored.map { row in
                guard let algorithm = SignatureAlgorithm(rawValue: row.algorithm) else {
                    throw VaultError.malformedBox
                }
                let secret = try barrier.open(try SealedBox(bytes: row.box), at: Self.place(of: row.keyID))
                return Held(
                    stored: row,
                    key: try secret.withBytes { try SigningKey(algorithm: algorithm, rawRepresentation: $0) }
                )
            }
        )
    }

    /// Makes a key and seals it for storage.
    package static func make(
        _ algorithm: SignatureAlgorithm, barrier: Barrier, createdAt: Timestamp, activeFrom: Timestamp
    ) throws -> Held {
        let key = try SigningKey.generate(algorithm)
        let box = try barrier.seal(key.rawRepresentation, at: place(of: key.keyID))
        return Held(
            stored: StoredSigningKey(
                keyID: key.keyID, algorithm: algorithm.rawValue, box: box.bytes, createdAt: createdAt,
                activeFrom: activeFrom, publicKey: JSON.object(key.publicKey.json).text
            ),
            key: key
        )
    }

    private static func place(of keyID: String) -> Place {
        Place(table: "signing_keys", row: keyID, version: 1, purpose: "private-key")
    }

    /// The key that signs with `algorithm` at this moment.
    package func active(_ algorithm: SignatureAlgorithm, at now: Timestamp) -> SigningKey? {
        state.withLock { state in
            var best: Held?
            for held in state.held
            where held.key.algorithm == algorithm && held.stored.revokedAt == nil && held.stored.activeFrom <= now {
                if let current = best, current.stored.activeFrom > held.stored.activeFrom { continue }
                best = held
            }
            return best?.key
        }
    }

    /// The public keys that verify our tokens at this moment. Revoked and retired keys are not among them.
    package func published(at now: Timestamp) -> JWKSet {
        state.withLock { state in
            if let published = state.published, now.seconds < published.until { return published.set }
            let stored = state.held.map(\.stored)
            let live = state.held.filter { $0.stored.status(among: stored, at: now).isPublished }
            let set = JWKSet(keys: live.map(\.key.publicKey))
            state.published = (set, now.seconds + 1)
            return set
        }
    }

    package func all(at now: Timestamp) -> [(key: Held, status: Status)] {
        state.withLock { state in
            let stored = state.held.map(\.stored)
            return state.held.map { ($0, $0.stored.status(among: stored, at: now)) }
        }
    }

    /// Every key that was ever ours, revoked ones too: they verify the checkpoints of old archives, and nothing else.
    var everHeld: JWKSet {
        state.withLock { state in JWKSet(keys: state.held.map(\.key.publicKey)) }
    }

    func add(_ held: Held) {
        state.withLock { state in
            state.held.append(held)
            state.published = nil
        }
    }

    func revoke(_ keyID: String, at time: Timestamp) {
        state.withLock { state in
            for index in state.held.indices where state.held[index].stored.keyID == keyID {
                var stored = state.held[index].stored
                stored.revokedAt = time
                state.held[index] = Held(stored: stored, key: state.held[index].key)
            }
            state.published = nil
        }
    }

    /// Forgets every key at once, when the server is sealed: whatever is still under way can sign nothing any more.
    package func forget() {
        state.withLock { state in
            state.held = []
            state.published = nil
        }
    }
}
