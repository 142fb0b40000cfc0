internal import JOSE

/// What opens a backup: the term from which its key was made, wrapped by every root key as in the database.
///
/// None of it is secret. Changed, it opens nothing: all of it goes into the key of the content.
package struct BackupLock: Sendable, Equatable {
    /// The term's number.
    package let term: Int
    /// The root keys that open it, each by itself.
    package let slots: [RootKeySlot]
    /// The term's key, once for each slot.
    package let wraps: [WrappedTerm]

    package init(term: Int, slots: [RootKeySlot], wraps: [WrappedTerm]) {
        self.term = term
        self.slots = slots
        self.wraps = wraps
    }

    /// Slots that a backup may name. A vault has two while its root key is exchanged.
    private static let mostSlots = 16

    var document: JSONObject {
        [
            "term": .integer(Int64(term)), "slots": .array(slots.map { .object($0.backupDocument) }),
            "wraps": .array(wraps.map { .object($0.backupDocument) }),
        ]
    }

    init(document: JSONObject) throws(BackupError) {
        guard let term = document["term"]?.integer.flatMap({ Int(exactly: $0) }), let slots = document["slots"]?.array,
            let wraps = document["wraps"]?.array, (1...Self.mostSlots).contains(slots.count),
            (1...Self.mostSlots).contains(wraps.count)
        else { throw .malformedHeader(member: "lock") }
        self.term = term
        self.slots = try slots.map { slot throws(BackupError) in try RootKeySlot(backupDocument: slot) }
        self.wraps = try wraps.map { wrap throws(BackupError) in try WrappedTerm(backupDocument: wrap) }
        guard self.wraps.allSatisfy({ $0.number == term }) else { throw .malformedHeader(member: "wraps") }
    }
}

extension RootKeySlot {
    fileprivate var backupDocument: JSONObject {
        var document: JSONObject = [
            "id": .string(id), "kind": .string(kindName), "created_at": .integer(createdAt),
        ]
        if case .passphrase(let salt, let cost) = kind {
            document["salt"] = .string(Base64URL.encode(salt))
            document["memory_kib"] = .integer(Int64(cost.memoryKiB))
            document["passes"] = .integer(Int64(cost.passes))
            document["lanes"] = .integer(Int64(cost.lanes))
        }
        return document
    }

    fileprivate init(backupDocument json: JSON) throws(BackupError) {
        guard let document = json.object, let id = document["id"]?.string,
            let createdAt = document["created_at"]?.integer
        else { throw .malformedHeader(member: "slots") }
        switch document["kind"]?.string {
        case "file": self.init(id: id, kind: .file, createdAt: createdAt)
        case "passphrase":
            guard let salt = document["salt"]?.string.flatMap({ Base64URL.decode($0) }), salt.count <= 64,
                let memory = document["memory_kib"]?.integer.flatMap({ Int(exactly: $0) }),
                let passes = document["passes"]?.integer.flatMap({ Int(exactly: $0) }),
                let lanes = document["lanes"]?.integer.flatMap({ Int(exactly: $0) })
            else { throw .malformedHeader(member: "slots") }
            // Whoever changed a backup must not make us weaker or larger than a vault may be.
            guard let cost = try? Argon2Cost(memoryKiB: memory, passes: passes, lanes: lanes) else {
                throw .malformedHeader(member: "slots")
            }
            self.init(id: id, kind: .passphrase(salt: salt, cost: cost), createdAt: createdAt)
        default: throw .malformedHeader(member: "slots")
        }
    }
}

extension WrappedTerm {
    fileprivate var backupDocument: JSONObject {
        [
            "number": .integer(Int64(number)), "slot": .string(slot), "box": .string(Base64URL.encode(box)),
            "created_at": .integer(createdAt),
        ]
    }

    fileprivate init(backupDocument json: JSON) throws(BackupError) {
        guard let document = json.object, let number = document["number"]?.integer.flatMap({ Int(exactly: $0) }),
            let slot = document["slot"]?.string, let box = document["box"]?.string.flatMap({ Base64URL.decode($0) }),
            let createdAt = document["created_at"]?.integer
        else { throw .malformedHeader(member: "wraps") }
        self.init(number: number, slot: slot, box: box, createdAt: createdAt)
    }
}
