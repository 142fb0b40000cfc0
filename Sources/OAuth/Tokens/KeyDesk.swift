package import JOSE
import Vault

/// Signing keys for operators: list them, rotate before anyone must, and bring one's own.
package struct KeyDesk: Sendable {
    static let readScope = "keys:read"
    static let writeScope = "keys:write"
    /// Days for which a retired key stands in the usual list.
    private static let listedFor = 30

    let keeper: KeyKeeper
    var now: Now { keeper.now }
    var keys: SigningKeys { keeper.custodian.keys }

    /// Every key with its state.
    ///
    /// - Parameter all: those too that retired long ago.
    package func list(all: Bool = false, for caller: Operator) throws -> [JSONObject] {
        try caller.require(Self.readScope)
        let time = now()
        let since = time.adding(seconds: -Self.listedFor * 86_400)
        return keys.listed(at: time).filter { all || ($0.stored.erasedAt ?? time) >= since }
            .map { Self.document(of: $0.stored, $0.status) }
    }

    /// One key; nil when there is none of this name.
    package func show(_ keyID: String, to caller: Operator) throws -> JSONObject? {
        try caller.require(Self.readScope)
        return keys.listed(at: now()).first { $0.stored.keyID == keyID }
            .map { Self.document(of: $0.stored, $0.status) }
    }

    /// Publishes the next key of an algorithm. It signs once every cache has seen it.
    package func rotate(_ draft: JSONObject, by caller: Operator) async throws -> JSONObject {
        try caller.require(Self.writeScope)
        var reader = DocumentReader(draft)
        let algorithms = Resource.signingAlgorithms.map(\.rawValue).joined(separator: ", ")
        let algorithm =
            reader.parsed("alg", "one of \(algorithms)") { text in
                Resource.signingAlgorithms.first { $0.rawValue == text }
            } ?? .es256
        try reader.finish()
        return try await keeper.takingTurns {
            let time = now()
            let known = keys.all(at: time).filter { $0.key.key.algorithm == algorithm }
            if known.contains(where: { $0.status == .next }) {
                throw InvalidDocument(
                    "alg", "the next \(algorithm.rawValue) key is published already and takes over by itself")
            }
            let made = try await keeper.custodian.next(
                algorithm, from: time.adding(seconds: SigningKeys.publishedBeforeUse), at: time
            )
            var event = caller.event(
                .keyRotated, target: "key/\(made.stored.keyID)", rule: Self.writeScope, at: time)
            event.after = made.stored.summary.text
            try await keeper.publish(made, event)
            return Self.document(of: made.stored, .next)
        }
    }

    static func document(of stored: StoredSigningKey, _ status: SigningKeys.Status) -> JSONObject {
        var document: JSONObject = [
            "kid": .string(stored.keyID),
            "alg": .string(stored.algorithm),
            "status": .string(status.rawValue),
            "created_at": .time(stored.createdAt),
            "active_from": .time(stored.activeFrom),
        ]
        // A key that Legate made, as nearly all are, needs no word of it.
        if stored.origin == .imported { document["origin"] = .string(stored.origin.rawValue) }
        if let time = stored.revokedAt { document["revoked_at"] = .time(time) }
        if let time = stored.erasedAt { document["erased_at"] = .time(time) }
        return document
    }
}
