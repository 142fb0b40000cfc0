internal import Synchronization

/// The proofs that were accepted lately, so that none is accepted twice (RFC 9449 section 11.1).
///
/// In memory, bounded, and without a gap: what has been forgotten, and what an earlier run may have accepted, is older
/// than a floor, and a proof from before the floor has to carry a nonce of this run. See decision 15.
package final class DPoPReplays: Sendable {
    /// What becomes of a proof.
    package enum Verdict: Sendable, Equatable {
        /// Nobody has used it, and now it is noted.
        case new
        case seen
        /// It may have been used and forgotten, or used before the start.
        case needsNonce
        /// This holder has used more than a fair part of the memory.
        case tooManyOfHolder
        /// The memory is full.
        case full
    }

    /// A proof that stood every other check.
    package struct Use: Sendable {
        /// In whose share of the memory it is noted: a client, or a key, that has proved itself by now.
        let holder: String
        /// The thumbprint of the key that signed it.
        let key: String
        /// Its `jti`.
        let id: String
        /// Seconds since 1970, within the window.
        let issuedAt: Int64
        /// Whether it carries a nonce of this run that is good now.
        let hasNonce: Bool
        /// Whether it names an access token that did not exist before the start.
        let isOfThisRun: Bool

        package init(holder: String, key: String, id: String, issuedAt: Int64, hasNonce: Bool, isOfThisRun: Bool) {
            self.holder = holder
            self.key = key
            self.id = id
            self.issuedAt = issuedAt
            self.hasNonce = hasNonce
            self.isOfThisRun = isOfThisRun
        }
    }

    private struct Bucket {
        var proofs: Set<Int> = []
        var ofHolder: [Int: Int] = [:]
        /// The latest `iat` among those without a nonce.
        var latest = Int64.min
    }

    private struct State {
        /// By the end of the time in which they are remembered, in units of `bucketSeconds`.
        var buckets: [Int64: Bucket] = [:]
        var count = 0
        var ofHolder: [Int: Int] = [:]
        /// What was forgotten is not later than this. In honest times all of that is long out of the window.
        var forgotten = Int64.min
        /// The last unit in which somebody looked for what can be forgotten.
        var looked = Int64.min
    }

    private static let bucketSeconds: Int64 = 10

    private let capacity: Int
    private let share: Int
    private let start: Int64
    private let uptime: Uptime
    private let state = Mutex(State())

    /// - Parameters:
    ///   - start: when this run began, in seconds since 1970.
    ///   - capacity: proofs that are remembered at once.
    ///   - share: how many of them one holder may have; one at least.
    package init(start: Int64, capacity: Int, share: Int, uptime: @escaping Uptime) {
        // An earlier run may have accepted a proof from the future, as far as the window allows.
        let (sum, overflow) = start.addingReportingOverflow(DPoPProof.window)
        self.start = overflow ? .max : sum
        self.capacity = capacity
        self.share = max(1, share)
        self.uptime = uptime
    }

    /// How many are remembered.
    package var count: Int { state.withLock { $0.count } }

    /// Notes a proof, unless it must not be used.
    ///
    /// - Parameter now: seconds since 1970.
    package func take(_ use: Use, at now: Int64) -> Verdict {
        // Seeded at random by the process. Two proofs with one hash would cost the second a refusal, never more.
        let holder = use.holder.hashValue
        var hasher = Hasher()
        hasher.combine(use.key)
        hasher.combine(use.id)
        let proof = hasher.finalize()
        let uptime = uptime()
        return state.withLock { state in
            Self.forget(&state, at: uptime / Self.bucketSeconds)
            if !use.hasNonce {
                guard use.issuedAt > state.forgotten, use.isOfThisRun || use.issuedAt > start else {
                    return .needsNonce
                }
            }
            guard !state.buckets.values.contains(where: { $0.proofs.contains(proof) }) else { return .seen }
            guard state.count < capacity else { return .full }
            guard state.ofHolder[holder, default: 0] < share else { return .tooManyOfHolder }
            let end = uptime + Self.seconds(toRemember: use, at: now)
            Self.note(proof, of: holder, use, until: end / Self.bucketSeconds + 1, in: &state)
            return .new
        }
    }

    /// For as long as its `iat` is in the window, or its nonce may be good.
    private static func seconds(toRemember use: Use, at now: Int64) -> Int64 {
        let (left, overflow) = use.issuedAt.subtractingReportingOverflow(now)
        let window = overflow ? DPoPProof.window : min(max(left, 0), DPoPProof.window)
        return max(window + DPoPProof.window, use.hasNonce ? 2 * DPoPNonces.period : 0) + 1
    }

    private static func note(_ proof: Int, of holder: Int, _ use: Use, until bucket: Int64, in state: inout State) {
        state.buckets[bucket, default: Bucket()].proofs.insert(proof)
        state.buckets[bucket, default: Bucket()].ofHolder[holder, default: 0] += 1
        if !use.hasNonce {
            let latest = state.buckets[bucket]?.latest ?? .min
            state.buckets[bucket]?.latest = max(latest, use.issuedAt)
        }
        state.ofHolder[holder, default: 0] += 1
        state.count += 1
    }

    private static func forget(_ state: inout State, at bucket: Int64) {
        guard bucket != state.looked else { return }
        state.looked = bucket
        for (end, old) in state.buckets where end < bucket {
            state.buckets[end] = nil
            state.forgotten = max(state.forgotten, old.latest)
            state.count -= old.proofs.count
            for (holder, count) in old.ofHolder {
                let left = state.ofHolder[holder, default: 0] - count
                state.ofHolder[holder] = left > 0 ? left : nil
            }
        }
    }
}
