package import JOSE
import Vault

/// Signing keys for operators: list them, and rotate before anyone must.
package struct KeyDesk: Sendable {
    private let keys: KeyCustodian
    private let ledger: Ledger
    private let now: Now

    package init(keys: KeyCustodian, ledger: Ledger, now: @escaping Now) {
        self.keys = keys
        self.ledger = ledger
        self.now = now
    }

    package func list(for caller: Operator) throws -> [JSONObject] {
        try caller.require("keys:read")
        return keys.all(at: now()).map { document(of: $0.key, $0.status) }
    }

    /// Publishes the next key of an algorithm. It signs once every cache has seen it.
    package func rotate(_ draft: JSONObject, by caller: Operator) async throws -> JSONObject {
        try caller.require("keys:write")
        var reader = DocumentReader(draft)
        let algorithms = Resource.signingAlgorithms.map(\.rawValue).joined(separator: ", ")
        let algorithm =
            reader.parsed("alg", "one of \(algorithms)") { text in
                Resource.signingAlgorithms.first { $0.rawValue == text }
            } ?? .es256
        try reader.finish()
        let time = now()
        let known = keys.all(at: time).filter { $0.key.key.algorithm == algorithm }
        if known.contains(where: { $0.status == .next }) {
            throw InvalidDocument(
                "alg", "the next \(algorithm.rawValue) key is published already and takes over by itself")
        }
        let made = try keys.next(algorithm, at: time)
        var entry = Entry(audit: [
            caller.event(.keyRotated, target: "key/\(made.stored.keyID)", rule: "keys:write", at: time)
        ])
        entry.changes = [.addKey(made.stored)]
        try await ledger.commit(entry)
        keys.take([made])
        return document(of: made, .next)
    }

    private func document(of held: KeyCustodian.Made, _ status: SigningKeys.Status) -> JSONObject {
        [
            "kid": .string(held.stored.keyID),
            "alg": .string(held.stored.algorithm),
            "status": .string(status.rawValue),
            "created_at": .time(held.stored.createdAt),
            "active_from": .time(held.stored.activeFrom),
        ]
    }
}
