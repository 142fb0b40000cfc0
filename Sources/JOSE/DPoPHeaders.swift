internal import Crypto
internal import Synchronization

/// The headers of proofs that were good lately. A sender puts the same key into each of its proofs, in the same words: it
/// is taken apart and checked once.
///
/// Bounded: when one half is full, the other, which was not asked for since, is forgotten.
package final class DPoPHeaders: Sendable {
    private struct State {
        /// By the digest of their text.
        var young: [SHA256Digest: DPoPHeader] = [:]
        var old: [SHA256Digest: DPoPHeader] = [:]
    }

    /// Bytes of a header that is remembered: room for one with a P-256 or Ed25519 key and some more. That of an RSA key
    /// is longer, and its signature costs less to check.
    private static let longest = 512

    private let half: Int
    private let state = Mutex(State())

    /// - Parameter capacity: headers that are remembered at once; two at least.
    package init(capacity: Int = 4_096) { half = max(1, capacity / 2) }

    /// How many are remembered.
    package var count: Int { state.withLock { $0.young.count + $0.old.count } }

    subscript(text: ArraySlice<UInt8>) -> DPoPHeader? {
        guard text.count <= Self.longest else { return nil }
        let digest = SHA256.hash(data: text)
        return state.withLock { state in
            if let header = state.young[digest] { return header }
            guard let header = state.old.removeValue(forKey: digest) else { return nil }
            keep(header, digest, in: &state)
            return header
        }
    }

    /// To be called for a proof whose signature is good: what strangers make up does not drive out the others.
    func keep(_ header: DPoPHeader, for text: ArraySlice<UInt8>) {
        guard text.count <= Self.longest else { return }
        let digest = SHA256.hash(data: text)
        state.withLock { keep(header, digest, in: &$0) }
    }

    private func keep(_ header: DPoPHeader, _ digest: SHA256Digest, in state: inout State) {
        if state.young.count >= half {
            state.old = state.young
            state.young = [:]
        }
        state.young[digest] = header
    }
}
