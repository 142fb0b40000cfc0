import Crypto
import DequeModule
package import JOSE
package import Revocations
import Synchronization

/// What gateways follow: every tombstone in the order of its commit, in signed batches, each a link to the one before.
///
/// A batch is signed once, whoever reads it. Nothing is kept for a consumer: it asks for what comes after the number
/// that it has, and one that asks for something older than the window is told to read the snapshot, never served with
/// a gap.
package final class RevocationFeed: Sendable {
    /// A batch and its signature.
    package struct Link: Sendable {
        package let batch: RevocationBatch
        package let jws: String
        /// The key that signed it.
        let keyID: String

        /// The answer of a long poll.
        package var json: [UInt8] { document().serialized }

        /// - Parameter head: the last number of the feed, for a page of a snapshot.
        package func document(head: Int64? = nil) -> JSONObject {
            var document: JSONObject = ["after": .integer(batch.after), "next": .integer(batch.next)]
            if let head { document["head"] = .integer(head) }
            document["entries"] = .array(batch.entries.map { .object($0.document) })
            document["jws"] = .string(jws)
            return document
        }
    }

    /// What a consumer gets when it waits.
    package enum Turn: Sendable {
        case batch(Link)
        /// Nothing new; signed, so that silence cannot be forged.
        case heartbeat(Link)
        /// The server is stopping.
        case ended
    }

    /// The consumer is further behind than the window reaches, or ahead of us: it must read the snapshot.
    package struct SnapshotRequired: Error, Equatable {}

    /// Between two heartbeats.
    package static let heartbeat = Duration.seconds(2)
    /// Tombstones in one batch: what JOSE libraries read without being told to expect more, 128 KiB.
    package static let largestBatch = 256
    /// Tombstones in one page of a snapshot, when the consumer asks for so many.
    package static let largestPage = 5000
    /// Tombstones in the window, at most; about 10 MB.
    package static let windowSize = 16_384

    private struct State {
        var window: Deque<Link> = []
        var entries = 0
        /// The number of the last tombstone, in the window or not.
        var head: Int64
        /// What a link that follows now must name.
        var previous: String?
        var waiting: [UInt64: CheckedContinuation<Turn?, Never>] = [:]
        var lastWaiter: UInt64 = 0
        var isEnded = false

        mutating func takeWaiting() -> [CheckedContinuation<Turn?, Never>] {
            defer { waiting.removeAll(keepingCapacity: true) }
            return Array(waiting.values)
        }
    }

    private let issuer: IssuerURL
    private let keys: SigningKeys
    private let state: Mutex<State>

    /// - Parameter revocations: the latest live tombstones at start, in order: they open the window.
    package init(
        issuer: IssuerURL, keys: SigningKeys, revocations: [Revocation], lastSequence: Int64, at now: Timestamp
    ) {
        self.issuer = issuer
        self.keys = keys
        let recent = revocations.suffix(Self.windowSize)
        let skipped = revocations.count > recent.count
        let start = skipped ? revocations[revocations.count - recent.count - 1].sequence : 0
        state = Mutex(State(head: start))
        publish(Array(recent), at: now)
        // What came after the last of them has expired: between these numbers nothing lives any more.
        state.withLock { state in
            if state.head < lastSequence { append([], upTo: lastSequence, to: &state, at: now) }
        }
    }

    /// The number of the last tombstone.
    package var head: Int64 { state.withLock { $0.head } }

    /// How many consumers wait at the moment.
    package var consumers: Int { state.withLock { $0.waiting.count } }

    /// Appends tombstones that are durable now, in order, and wakes everyone who waits.
    func publish(_ revocations: [Revocation], at now: Timestamp) {
        guard !revocations.isEmpty else { return }
        let woken = state.withLock { state in
            if revocations.contains(where: { $0.kind == .key }) {
                // What the old key signed, nobody can verify any more: whoever is behind reads the snapshot.
                state.window.removeAll()
                state.entries = 0
                state.previous = nil
            }
            for start in stride(from: 0, to: revocations.count, by: Self.largestBatch) {
                let entries = Array(revocations[start...].prefix(Self.largestBatch))
                append(entries, upTo: entries.last?.sequence ?? state.head, to: &state, at: now)
            }
            while state.entries > Self.windowSize, let oldest = state.window.popFirst() {
                state.entries -= oldest.batch.entries.count
            }
            return state.takeWaiting()
        }
        for waiter in woken { waiter.resume(returning: nil) }
    }

    /// Drops what nobody can verify any more, as its key leaves the published set: whoever is so far behind reads the
    /// snapshot.
    ///
    /// - Parameter keyIDs: the keys that stay.
    func keepOnly(signedWith keyIDs: Set<String>) {
        state.withLock { state in
            guard let last = state.window.lastIndex(where: { !keyIDs.contains($0.keyID) }) else { return }
            for _ in 0...last {
                guard let dropped = state.window.popFirst() else { break }
                state.entries -= dropped.batch.entries.count
            }
        }
    }

    private func append(_ entries: [Revocation], upTo next: Int64, to state: inout State, at now: Timestamp) {
        let batch = RevocationBatch(
            issuer: issuer.text, issuedAt: now.seconds, after: state.head, next: next, previous: state.previous,
            entries: entries
        )
        state.head = next
        guard let link = try? sign(batch, at: now) else {
            // What cannot be signed is not in the window: consumers are sent to the snapshot.
            state.window.removeAll()
            state.entries = 0
            state.previous = nil
            return
        }
        state.window.append(link)
        state.entries += entries.count
        state.previous = Base64URL.encode(Array(SHA256.hash(data: Array(link.jws.utf8))))
    }

    private func sign(_ batch: RevocationBatch, at now: Timestamp) throws -> Link {
        guard let key = keys.active(.es256, at: now) else { throw MissingSigningKey(algorithm: .es256) }
        return Link(
            batch: batch, jws: try key.compactJWS(type: RevocationBatch.type, payload: batch.payload), keyID: key.keyID
        )
    }

    /// Tells everyone who waits that all is as it was.
    package func beat(at now: Timestamp) throws {
        let (heartbeat, woken) = try state.withLock { state in
            (try signedHeartbeat(head: state.head, at: now), state.takeWaiting())
        }
        for waiter in woken { waiter.resume(returning: .heartbeat(heartbeat)) }
    }

    /// Lets everyone go who waits, and everyone who comes.
    package func end() {
        let woken = state.withLock { state in
            state.isEnded = true
            return state.takeWaiting()
        }
        for waiter in woken { waiter.resume(returning: .ended) }
    }

    private func signedHeartbeat(head: Int64, at now: Timestamp) throws -> Link {
        try sign(RevocationBatch(issuer: issuer.text, issuedAt: now.seconds, after: head, next: head), at: now)
    }

    /// The first batch that has something after `sequence`, once there is one; or the next heartbeat.
    ///
    /// - Throws: `SnapshotRequired`; `CancellationError` when the task is cancelled.
    package func next(after sequence: Int64) async throws -> Turn {
        while true {
            try Task.checkCancellation()
            if let link = try link(after: sequence) { return .batch(link) }
            if let turn = await wait(after: sequence) { return turn }
        }
    }

    /// The batch that leads on from `sequence`, or a heartbeat when there is nothing new.
    ///
    /// - Throws: `SnapshotRequired`.
    package func current(after sequence: Int64, at now: Timestamp) throws -> Turn {
        if let link = try link(after: sequence) { return .batch(link) }
        return .heartbeat(try signedHeartbeat(head: sequence, at: now))
    }

    /// The batch that leads on from `sequence`, nil when the consumer has everything.
    package func link(after sequence: Int64) throws -> Link? {
        try state.withLock { state in
            if sequence == state.head { return nil }
            guard sequence < state.head, let first = state.window.first, first.batch.after <= sequence else {
                throw SnapshotRequired()
            }
            // The window is ordered: find the first batch that ends after the number.
            var low = 0
            var high = state.window.count
            while low < high {
                let middle = (low + high) / 2
                if state.window[middle].batch.next > sequence { high = middle } else { low = middle + 1 }
            }
            guard low < state.window.count else { throw SnapshotRequired() }
            return state.window[low]
        }
    }

    /// One page of everything that lives: tombstones after a number, as stored.
    ///
    /// - Parameter limit: how many, up to `largestPage`.
    ///
    /// The last page ends at the feed's head; a consumer that has read up to there follows the feed from it.
    package func snapshot(
        after sequence: Int64, limit: Int, from store: any Store, at now: Timestamp
    ) async throws -> JSONObject {
        // Read before the page: what is committed later is in the feed.
        let head = head
        guard sequence <= head else { throw SnapshotRequired() }
        let page = try await store.revocations(after: sequence, limit: limit)
        let entries = page.filter { $0.sequence <= head }
        let isLast = page.count < limit || entries.count < page.count
        let batch = RevocationBatch(
            issuer: issuer.text, issuedAt: now.seconds, after: sequence,
            next: isLast ? head : entries.last?.sequence ?? head, entries: entries
        )
        return try sign(batch, at: now).document(head: head)
    }

    private func wait(after sequence: Int64) async -> Turn? {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Turn?? = state.withLock { state in
                    if state.isEnded { return .some(.ended) }
                    // Something came in between, or the task was cancelled before it waited.
                    if state.head != sequence || Task.isCancelled { return .some(nil) }
                    state.waiting[number] = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiting.removeValue(forKey: number) }
            waiter?.resume(returning: nil)
        }
    }
}
