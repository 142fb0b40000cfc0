import JOSE
package import Vault

/// Makes, rotates and revokes signing keys. The private halves are sealed before they reach storage.
package final class KeyCustodian: Sendable {
    package typealias Made = SigningKeys.Held

    private let keys: SigningKeys
    let barrier: Barrier

    package init(keys: SigningKeys, barrier: Barrier) {
        self.keys = keys
        self.barrier = barrier
    }

    /// A key for an algorithm that has none yet. It signs at once: nobody can have cached a set without it.
    func ensure(_ algorithm: SignatureAlgorithm, at now: Timestamp) throws -> [Made] {
        if keys.active(algorithm, at: now) != nil { return [] }
        return [try SigningKeys.make(algorithm, barrier: barrier, createdAt: now, activeFrom: now)]
    }

    /// The next key of an algorithm: published now, used when every cache has seen it.
    func next(_ algorithm: SignatureAlgorithm, at now: Timestamp) throws -> Made {
        try SigningKeys.make(
            algorithm, barrier: barrier, createdAt: now,
            activeFrom: now.adding(seconds: SigningKeys.publishedBeforeUse)
        )
    }

    /// A key that takes over from a revoked one at once.
    func successor(of keyID: String, at now: Timestamp) throws -> Made? {
        guard
            let (held, status) = keys.all(at: now).first(where: { $0.key.stored.keyID == keyID }).map({
                ($0.key, $0.status)
            }),
            status == .active
        else { return nil }
        return try SigningKeys.make(held.key.algorithm, barrier: barrier, createdAt: now, activeFrom: now)
    }

    /// Puts committed keys to use.
    func take(_ made: [Made]) {
        for held in made { keys.add(held) }
    }

    func drop(_ keyID: String, at now: Timestamp) { keys.revoke(keyID, at: now) }

    package func all(at now: Timestamp) -> [(key: Made, status: SigningKeys.Status)] { keys.all(at: now) }
}

extension Entry {
    mutating func add(_ made: [KeyCustodian.Made], by caller: Operator, at time: Timestamp) {
        for held in made {
            changes.append(.addKey(held.stored))
            var event = caller.event(.keyCreated, target: "key/\(held.stored.keyID)", rule: "keys", at: time)
            let after: JSONObject = [
                "kid": .string(held.stored.keyID), "alg": .string(held.stored.algorithm),
                "active_from": .time(held.stored.activeFrom),
            ]
            event.after = after.text
            audit.append(event)
        }
    }
}
