package import JOSE
import Vault

extension KeyringDesk {
    /// What opens the vault, its terms with the boxes under each, and what is still to do.
    package func status(for caller: Operator) async throws -> JSONObject {
        try caller.require(Self.scope)
        let slots = try await store.rootKeySlots()
        let tables = try await store.boxCountsByTable()
        let counts = tables.mapValues { $0.values.reduce(0, +) }
        let keyring = barrier.keyring
        var terms: [JSON] = []
        var created: [Int: Int64] = [:]
        for term in try await store.keyringTerms() { created[term.number] = term.createdAt }
        for (number, time) in created.sorted(by: { $0.key < $1.key }) {
            var byTable: JSONObject = [:]
            for table in store.sealedTables {
                byTable[table] = tables[number]?[table].map { JSON.integer(Int64($0)) }
            }
            terms.append(
                .object([
                    "term": .integer(Int64(number)),
                    "created_at": .time(Timestamp(milliseconds: time)),
                    "active": .bool(number == keyring.activeTerm),
                    "boxes": .integer(Int64(counts[number] ?? 0)),
                    "boxes_by_table": .object(byTable),
                ])
            )
        }
        // Boxes under terms that never were: their header was changed.
        let unknown = counts.filter { created[$0.key] == nil }.values.reduce(0, +)
        let refused = resealer.refused
        let left = counts.filter { $0.key != keyring.activeTerm }.values.reduce(0, +)
        let settled = try await store.rootKeyLeftovers().isEmpty
        return [
            "sealed": false,
            "root_keys": .array(slots.map { .object($0.document) }),
            "terms": .array(terms),
            "pending": .object([
                "boxes_to_reseal": .integer(Int64(max(0, left - resealer.unopened))),
                "terms_to_remove": .integer(Int64(max(0, created.count - 1))),
                "rekey": .bool(!settled),
            ]),
            "boxes_under_unknown_terms": .integer(Int64(unknown)),
            "unreadable": .array(refused.map { .string($0) }),
            "keys_locked_in_memory": .bool(keyring.isLocked && barrier.rootKey?.isLocked == true),
        ]
    }
}

extension RootKeySlot {
    /// What an operator may know of it.
    var document: JSONObject {
        var document: JSONObject = [
            "id": .string(id), "kind": .string(kindName),
            "created_at": .time(Timestamp(milliseconds: createdAt)),
        ]
        if case .passphrase(_, let cost) = kind {
            document["argon2"] = .object([
                "memory_kib": .integer(Int64(cost.memoryKiB)), "passes": .integer(Int64(cost.passes)),
                "lanes": .integer(Int64(cost.lanes)),
            ])
        }
        return document
    }
}
