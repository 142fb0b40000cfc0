package import JOSE
import Synchronization

/// Legate's signing keys in memory, one or more for each algorithm that a resource asks for.
///
/// Their state follows from the clock alone: the newest key whose time has come signs; a later one is published so
/// that gateways know it in advance; an earlier one stays published until the last token signed with it has expired.
package final class SigningKeys: Sendable {
    /// The word that the admin API uses for a key's state.
    package enum Status: String, Sendable, CaseIterable { case next, active, retiring, revoked, retired }

    /// A key as it is kept, and opened.
    package final class Held: Sendable {
        package let stored: StoredSigningKey
        package let key: SigningKey

        init(stored: StoredSigningKey, key: SigningKey) {
            self.stored = stored
            self.key = key
        }
    }

    /// A key of which only the public half is left. It verifies old checkpoints of the audit trail.
    struct Erased: Sendable {
        let stored: StoredSigningKey
        let publicKey: JWK
    }

    /// Seconds that gateways may cache the key set.
    package static let cacheLifetime = 300
    /// Seconds between publishing a key and signing with it: no gateway can still have an older set.
    package static let publishedBeforeUse = cacheLifetime + 60

    private struct State {
        var held: [Held]
        var erased: [Erased]
        /// The published set as of a moment, until when it holds.
        var published: (set: JWKSet, until: Int64)?
    }

    private let state: Mutex<State>

    package convenience init(_ held: [Held]) { self.init(held, erased: []) }

    init(_ held: [Held], erased: [Erased]) {
        state = Mutex(State(held: held, erased: erased))
    }

    /// The key that signs with `algorithm` at this moment.
    package func active(_ algorithm: SignatureAlgorithm, at now: Timestamp) -> SigningKey? {
        state.withLock { state in
            var best: Held?
            var madeLater: Held?
            for held in state.held where held.key.algorithm == algorithm && held.stored.revokedAt == nil {
                if held.stored.activeFrom <= now {
                    if let current = best, current.stored.activeFrom > held.stored.activeFrom { continue }
                    best = held
                } else if held.stored.createdAt > now {
                    if let first = madeLater, first.stored.activeFrom <= held.stored.activeFrom { continue }
                    madeLater = held
                }
            }
            // A key that was made in what is now the future: the clock was set back, and every set has it long since.
            return (best ?? madeLater)?.key
        }
    }

    /// The public keys that verify our tokens at this moment. Revoked and retired keys are not among them.
    package func published(at now: Timestamp) -> JWKSet {
        state.withLock { state in
            if let published = state.published, now.seconds < published.until, now.seconds >= published.until - 1 {
                return published.set
            }
            let stored = state.held.map(\.stored)
            let live = state.held.filter { $0.stored.status(among: stored, at: now).isPublished }
            let set = JWKSet(keys: live.map(\.key.publicKey))
            state.published = (set, now.seconds + 1)
            return set
        }
    }

    /// The keys that have a private half.
    package func all(at now: Timestamp) -> [(key: Held, status: Status)] {
        state.withLock { state in
            let stored = state.held.map(\.stored)
            return state.held.map { ($0, $0.stored.status(among: stored, at: now)) }
        }
    }

    /// Every key with its state, in the order in which they came to sign.
    func listed(at now: Timestamp) -> [(stored: StoredSigningKey, status: Status)] {
        state.withLock { state in
            let held = state.held.map(\.stored)
            let all = held + state.erased.map(\.stored)
            return all.map { ($0, $0.status(among: held, at: now)) }
                .sorted { ($0.0.activeFrom, $0.0.keyID) < ($1.0.activeFrom, $1.0.keyID) }
        }
    }

    /// Whether a key is ours, or was.
    func knows(_ keyID: String) -> Bool {
        state.withLock { state in
            state.held.contains { $0.stored.keyID == keyID } || state.erased.contains { $0.stored.keyID == keyID }
        }
    }

    /// Every key that was ever ours, revoked ones too: they verify the checkpoints of old archives, and nothing else.
    var everHeld: JWKSet {
        state.withLock { state in
            JWKSet(keys: state.held.map(\.key.publicKey) + state.erased.map(\.publicKey))
        }
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
                stored.revokedAt = stored.revokedAt ?? time
                state.held[index] = Held(stored: stored, key: state.held[index].key)
            }
            for index in state.erased.indices where state.erased[index].stored.keyID == keyID {
                var stored = state.erased[index].stored
                stored.revokedAt = stored.revokedAt ?? time
                state.erased[index] = Erased(stored: stored, publicKey: state.erased[index].publicKey)
            }
            state.published = nil
        }
    }

    /// Drops the private half of a key.
    ///
    /// - Parameter box: the public half, sealed.
    func erase(_ keyID: String, keeping box: [UInt8], at time: Timestamp) {
        state.withLock { state in
            guard let index = state.held.firstIndex(where: { $0.stored.keyID == keyID }) else { return }
            let held = state.held.remove(at: index)
            let stored = StoredSigningKey(
                keyID: keyID, algorithm: held.stored.algorithm, box: box, createdAt: held.stored.createdAt,
                activeFrom: held.stored.activeFrom, revokedAt: held.stored.revokedAt, origin: held.stored.origin,
                erasedAt: time
            )
            state.erased.append(Erased(stored: stored, publicKey: held.key.publicKey))
            state.published = nil
        }
    }

    /// Forgets every key at once, when the server is sealed: whatever is still under way can sign nothing any more.
    package func forget() {
        state.withLock { state in
            state.held = []
            state.erased = []
            state.published = nil
        }
    }
}
