import Crypto
import JOSE
import Revocations

/// Why what came over the feed cannot be what the server sent. The follower drops the connection and starts again from
/// a snapshot.
enum FeedBreach: Error, Equatable, CustomStringConvertible {
    /// The signature, the issuer or the form is wrong.
    case notGenuine(String)
    /// Between what is known and what came, something is missing.
    case gap
    /// It was already here.
    case outOfOrder
    /// It is not the batch that follows the last one.
    case brokenChain
    /// It was signed in the future: one of the clocks is wrong.
    case fromTheFuture
    /// The server has more tombstones than the gateway may hold.
    case tooMany

    var description: String {
        switch self {
        case .notGenuine(let what): "not genuine: \(what)"
        case .gap: "something is missing"
        case .outOfOrder: "a batch came again or out of order"
        case .brokenChain: "a batch does not follow the one before"
        case .fromTheFuture: "it is from the future; one of the clocks is wrong"
        case .tooMany: "there are more revocations than may be held"
        }
    }
}

/// How far the gateway has read the feed: a batch that does not continue it exactly is refused.
struct FeedPosition: Sendable, Equatable {
    /// The number of the last tombstone that is known, with every one before it.
    private(set) var sequence: Int64
    /// Base64url of the SHA-256 of the last batch; nil after a snapshot.
    private var link: String?

    /// At the beginning of a snapshot.
    init() { sequence = 0 }

    /// Takes a page of the snapshot.
    mutating func read(_ page: RevocationBatch) throws(FeedBreach) {
        guard page.after == sequence else { throw page.after > sequence ? .gap : .outOfOrder }
        sequence = page.next
    }

    /// Takes the next batch of the feed, or a heartbeat.
    ///
    /// - Parameter jws: what was signed, for the chain.
    mutating func follow(_ batch: RevocationBatch, jws: String) throws(FeedBreach) {
        guard batch.after <= sequence else { throw .gap }
        if batch.after == batch.next {
            guard batch.after == sequence else { throw .outOfOrder }
            return
        }
        guard batch.next > sequence else { throw .outOfOrder }
        // One that begins before where we are was cut otherwise than those we have: its numbers must be enough.
        if batch.after == sequence, let link, batch.previous != link { throw .brokenChain }
        sequence = batch.next
        link = Base64URL.encode(Array(SHA256.hash(data: Array(jws.utf8))))
    }
}
