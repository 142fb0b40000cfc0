import Crypto
import Synchronization

/// Which clients have replaced their own secret and did not use the new one yet.
///
/// Whoever loses the answer in which the new secret stood still has the old one for its grace, and may ask again. Once
/// the new secret was used the old one replaces nothing any more, and it never does after an operator's rotation: a
/// secret that leaked must not become one for good. Both facts are durable, each in something that is spent once.
final class SecretSuccession: Sendable {
    private enum Fact: String {
        case replacedByClient = "client_secret_replaced"
        case used = "client_secret_used"
    }

    private let store: any Store
    private let ledger: Ledger
    /// Secrets of which nothing needs to be found out any more.
    private let settled = Mutex<Set<[UInt8]>>([])
    private static let capacity = 16_384

    init(store: any Store, ledger: Ledger) {
        self.store = store
        self.ledger = ledger
    }

    /// Says, in the transaction that stores the new secret, that the client itself made it.
    func replaced(by secret: SecretDigest, of client: ClientID, until end: Timestamp) -> Change {
        .spend(Spend(digest: Self.digest(.replacedByClient, client, secret), expires: end))
    }

    /// Whether the client may ask once more with the secret before this one.
    func mayRepeat(before secret: SecretDigest, of client: ClientID) async throws -> Bool {
        guard try await store.isSpent(Self.digest(.replacedByClient, client, secret)) else { return false }
        return try await !store.isSpent(Self.digest(.used, client, secret))
    }

    /// The client has proved itself with its current secret.
    ///
    /// - Throws: `temporarily_unavailable` when that would have to be remembered and cannot be.
    func use(_ secret: SecretDigest, of client: Client, at now: Timestamp) async throws(OAuthError) {
        guard let end = client.secrets.dropFirst().compactMap(\.expiresAt).max(), now < end,
            !settled.withLock({ $0.contains(secret.digest) })
        else { return }
        do {
            if try await store.isSpent(Self.digest(.replacedByClient, client.id, secret)) {
                do {
                    let used = Spend(digest: Self.digest(.used, client.id, secret), expires: end)
                    try await ledger.commit(Entry(changes: [.spend(used)]))
                } catch CommitFailure.spent {
                    // It was used before.
                }
            }
        } catch {
            throw OAuthError(
                .temporarilyUnavailable, "the use of the new secret could not be recorded; try again",
                detail: "\(error)", retryAfter: 1
            )
        }
        settled.withLock { settled in
            if settled.count >= Self.capacity { settled.removeAll() }
            settled.insert(secret.digest)
        }
    }

    private static func digest(_ fact: Fact, _ client: ClientID, _ secret: SecretDigest) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: Array("\(fact.rawValue)\0\(client.text)\0".utf8))
        hash.update(data: secret.digest)
        return Array(hash.finalize())
    }
}
