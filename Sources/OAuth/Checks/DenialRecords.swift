import Synchronization

/// How often the denied calls of one token are put into the trail while nobody who is known asks about them: whoever has
/// found an old token could fill the disk with it. What is not recorded is still logged and counted.
final class DenialRecords: Sendable {
    /// Records of one token in a minute.
    static let quota = 30
    static let capacity = 8192

    private let state = Mutex(AttemptTable<String>(seconds: 60, capacity: DenialRecords.capacity))

    /// Whether the next one is recorded.
    func admits(_ call: CheckedCall, at now: Timestamp) -> Bool {
        guard call.gateway == nil, let token = call.token else { return true }
        return admits(token, at: now)
    }

    /// The same for a token whose bearer did not prove to be its holder.
    func admits(_ token: AccessToken, at now: Timestamp) -> Bool {
        let id = token.identity.jti
        return state.withLock { table in
            guard table.count(id, at: now) < Self.quota else { return false }
            table.add(id, at: now)
            return true
        }
    }

    /// Tokens in memory.
    var size: Int { state.withLock(\.size) }
}
