/// The writing end of the trail: gives every event its number and links it to the one before.
///
/// A value: a commit works on a copy and keeps it when the transaction is durable, so that a failed one leaves no gap.
package struct AuditChain: Sendable {
    /// Where the trail ends now.
    package private(set) var head: AuditHead

    /// - Parameter head: where the stored trail ends, `.genesis` for a new one.
    package init(head: AuditHead) {
        self.head = head
    }

    /// Makes the next record, and moves the head to it.
    package mutating func append(_ event: AuditEvent) -> AuditRecord {
        encodeAppending(event).record
    }

    /// Makes the next record, and moves the head to it.
    ///
    /// - Returns: the record, and the canonical bytes that its hash covers, for a store that keeps exactly these.
    package mutating func encodeAppending(_ event: AuditEvent) -> (record: AuditRecord, canonical: [UInt8]) {
        // Overflow takes 292 million years at a thousand records a millisecond.
        let sequence = head.sequence + 1
        let canonical = event.canonicalBytes(sequence: sequence)
        let hash = AuditRecord.hash(canonical: canonical, previous: head.hash)
        let record = AuditRecord(sequence: sequence, event: event, previousHash: head.hash, hash: hash)
        head = AuditHead(sequence: sequence, hash: hash)
        return (record, canonical)
    }
}
