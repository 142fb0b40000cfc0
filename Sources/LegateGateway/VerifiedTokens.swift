import Synchronization

/// Tokens whose signature was verified lately, by their exact text. Bounded; what is old falls out.
///
/// Only the signature and the reading of the claims are remembered: lifetime, key and revocation are looked at every
/// time.
final class VerifiedTokens: Sendable {
    private struct Generations {
        var young: [String: VerifiedToken] = [:]
        var old: [String: VerifiedToken] = [:]
    }

    /// Tokens in one of the two generations.
    static let capacity = 4096
    /// Bytes of the longest token that is remembered.
    private static let longest = 4096

    private let state = Mutex(Generations())

    func token(for compact: String) -> VerifiedToken? {
        state.withLock { state in
            if let token = state.young[compact] { return token }
            guard let token = state.old[compact] else { return nil }
            Self.insert(token, compact, &state)
            return token
        }
    }

    func remember(_ token: VerifiedToken, for compact: String) {
        guard compact.utf8.count <= Self.longest else { return }
        state.withLock { Self.insert(token, compact, &$0) }
    }

    var count: Int { state.withLock { $0.young.count + $0.old.count } }

    private static func insert(_ token: VerifiedToken, _ compact: String, _ state: inout Generations) {
        state.young[compact] = token
        if state.young.count >= capacity {
            state.old = state.young
            state.young = [:]
        }
    }
}
