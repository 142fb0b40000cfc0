import JOSE
import Synchronization

/// The proofs that were accepted lately, so that none is accepted twice (RFC 9449 section 11.1).
///
/// Bounded, and without a gap: what is forgotten, or was never known because the process has just started, is older than
/// `floor`; a proof from before it is only good with a nonce of this process, which cannot have been used before. The
/// same covers a time of day that somebody sets back.
final class SeenProofs: Sendable {
    enum Verdict: Sendable, Equatable {
        /// It is noted now.
        case new
        case seen
        /// It may have been used and forgotten.
        case needsNonce
        /// The holder of this key has used more than a fair part of the memory.
        case tooManyOfKey
        /// The memory is full.
        case full
    }

    private struct Bucket {
        let begun: Duration
        /// The latest `iat` among those without a nonce.
        var latest = Int64.min
        var proofs: Set<Int> = []
        var ofKey: [Int: Int] = [:]
    }

    private struct State {
        var buckets: [Bucket] = []
        var count = 0
        /// Whole seconds since 1970.
        var floor: Int64
    }

    /// How far the `iat` of a proof may be from our time, in seconds.
    static let window = DPoPProof.window
    /// For how long proofs are put into the same bucket.
    private static let bucket = Duration.seconds(30)
    /// One that was accepted when its `iat` was still to come by the window is good for so long, and a nonce is no longer.
    private static let memory = Duration.seconds(2 * window)

    private let clock: GatewayClock
    private let maximum: Int
    private let maximumOfKey: Int
    private let state: Mutex<State>

    /// - Parameter maximum: proofs that are remembered at once. One key may have a tenth of them.
    init(clock: GatewayClock, maximum: Int) {
        self.clock = clock
        self.maximum = maximum
        maximumOfKey = max(1, maximum / 10)
        // The process before this one may have accepted proofs from the future, as far as the window allows.
        state = Mutex(State(floor: clock.seconds() + Self.window))
    }

    /// How many are remembered.
    var count: Int { state.withLock { $0.count } }

    /// Notes a proof that has been verified in full.
    ///
    /// - Parameters:
    ///   - key: the thumbprint of the key that it was signed with.
    ///   - id: its `jti`.
    ///   - issuedAt: its `iat`, inside the window.
    ///   - hasNonce: whether it carries a nonce of this process that is good now.
    func take(key: String, id: String, issuedAt: Int64, hasNonce: Bool) -> Verdict {
        // Seeded at random by the process; two proofs with one hash would cost the second a refusal, never more.
        let holder = key.hashValue
        var hasher = Hasher()
        hasher.combine(key)
        hasher.combine(id)
        let proof = hasher.finalize()
        let now = clock.elapsed()
        return state.withLock { state in
            Self.forget(&state, at: now)
            guard hasNonce || issuedAt > state.floor else { return .needsNonce }
            guard !state.buckets.contains(where: { $0.proofs.contains(proof) }) else { return .seen }
            guard state.count < maximum else { return .full }
            guard state.buckets.reduce(0, { $0 + ($1.ofKey[holder] ?? 0) }) < maximumOfKey else {
                return .tooManyOfKey
            }
            if state.buckets.last.map({ now - $0.begun >= Self.bucket }) ?? true {
                state.buckets.append(Bucket(begun: now))
            }
            let last = state.buckets.endIndex - 1
            state.buckets[last].proofs.insert(proof)
            state.buckets[last].ofKey[holder, default: 0] += 1
            if !hasNonce { state.buckets[last].latest = max(state.buckets[last].latest, issuedAt) }
            state.count += 1
            return .new
        }
    }

    private static func forget(_ state: inout State, at now: Duration) {
        while let oldest = state.buckets.first, now - oldest.begun >= bucket + memory {
            state.floor = max(state.floor, oldest.latest)
            state.count -= oldest.proofs.count
            state.buckets.removeFirst()
        }
    }
}
