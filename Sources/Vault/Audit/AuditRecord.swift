internal import Crypto
internal import FoundationEssentials
package import JOSE

/// An event at its place in the trail.
///
/// Each record's hash covers the hash before it, so none can be altered, removed or moved without every later hash
/// changing. `hash` is SHA-256 over the 32 bytes of the previous hash followed by the event's canonical JSON: the
/// record's line without `previous_hash` and `hash`.
package struct AuditRecord: Sendable, Equatable {
    /// The record's number; the first is 1, and there are no gaps.
    package let sequence: Int64
    package let event: AuditEvent
    /// The hash of the record before, 32 bytes; zeros before the first.
    package let previousHash: [UInt8]
    /// This record's hash, 32 bytes.
    package let hash: [UInt8]

    /// Puts a stored record together; says nothing about whether its hash is right.
    package init(sequence: Int64, event: AuditEvent, previousHash: [UInt8], hash: [UInt8]) {
        self.sequence = sequence
        self.event = event
        self.previousHash = previousHash
        self.hash = hash
    }

    /// The hash that a record must have.
    ///
    /// - Parameter previous: the 32 bytes of the hash before it.
    package static func hash(sequence: Int64, event: AuditEvent, previous: [UInt8]) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(data: previous)
        hasher.update(data: event.canonicalBytes(sequence: sequence))
        return unsafe hasher.finalize().withUnsafeBytes { unsafe Array($0) }
    }

    /// What this record's hash ought to be.
    var computedHash: [UInt8] {
        Self.hash(sequence: sequence, event: event, previous: previousHash)
    }
}

extension AuditRecord {
    private enum Member {
        static let previousHash = "previous_hash"
        static let hash = "hash"
    }

    /// The record as the admin API, exports and archives show it; hashes are in base64url.
    package var json: JSONObject {
        var object = JSONObject()
        event.forEachMember(sequence: sequence) { object[$0] = $1.json }
        object[Member.previousHash] = .string(Base64URL.encode(previousHash))
        object[Member.hash] = .string(Base64URL.encode(hash))
        return object
    }

    /// The record as one line of JSON, the newline included.
    package func jsonLine() -> [UInt8] {
        var writer = JSONWriter(capacity: 768)
        writer.beginObject()
        event.append(to: &writer, sequence: sequence)
        writer.member(Member.previousHash, Base64URL.encode(previousHash))
        writer.member(Member.hash, Base64URL.encode(hash))
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    /// Reads a record from an export or an archive. The members may come in any order.
    ///
    /// - Throws: `VaultError.malformedRecord` for a member that is missing, unknown or not of its type. Whether the
    ///   hash is right is for `AuditVerifier` to say.
    package init(json: JSONObject) throws(VaultError) {
        var reader = AuditMemberReader(json)
        let (sequence, event) = try AuditEvent.decode(&reader)
        self.sequence = sequence
        self.event = event
        previousHash = try reader.requiredHash(Member.previousHash)
        hash = try reader.requiredHash(Member.hash)
        try reader.finish()
    }
}
