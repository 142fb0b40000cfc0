import JOSE
package import Vault

/// Makes, rotates and revokes signing keys. The private halves are sealed before they reach storage.
package final class KeyCustodian: Sendable {
    package typealias Made = SigningKeys.Held

    let keys: SigningKeys
    let barrier: Barrier

    package init(keys: SigningKeys, barrier: Barrier) {
        self.keys = keys
        self.barrier = barrier
    }

    /// A key for an algorithm that has none yet. It signs at once: nobody can have cached a set without it.
    func ensure(_ algorithm: SignatureAlgorithm, at now: Timestamp) async throws -> [Made] {
        if keys.active(algorithm, at: now) != nil { return [] }
        return [try await SigningKeys.forge(algorithm, barrier: barrier, createdAt: now, activeFrom: now)]
    }

    /// A key that will sign from a moment on.
    func next(_ algorithm: SignatureAlgorithm, from start: Timestamp, at now: Timestamp) async throws -> Made {
        try await SigningKeys.forge(algorithm, barrier: barrier, createdAt: now, activeFrom: start)
    }

    /// A key that takes over at once from one that is being revoked; nil when that one does not sign.
    func successor(of keyID: String, at now: Timestamp) async throws -> Made? {
        for algorithm in SignatureAlgorithm.allCases where keys.active(algorithm, at: now)?.keyID == keyID {
            return try await SigningKeys.forge(algorithm, barrier: barrier, createdAt: now, activeFrom: now)
        }
        return nil
    }

    /// Puts committed keys to use.
    func take(_ made: [Made]) {
        for held in made { keys.add(held) }
    }

    func drop(_ keyID: String, at now: Timestamp) { keys.revoke(keyID, at: now) }
}

extension Entry {
    mutating func add(_ made: [KeyCustodian.Made], by caller: Operator, at time: Timestamp) {
        for held in made {
            changes.append(.addKey(held.stored))
            var event = caller.event(.keyCreated, target: "key/\(held.stored.keyID)", rule: "keys", at: time)
            event.after = held.stored.summary.text
            audit.append(event)
        }
    }
}

extension StoredSigningKey {
    /// What the audit trail says of a new key.
    var summary: JSONObject {
        ["kid": .string(keyID), "alg": .string(algorithm), "active_from": .time(activeFrom)]
    }
}
