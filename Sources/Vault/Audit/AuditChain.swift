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
        let previous = head.hash
        link(event)
        return AuditRecord(sequence: head.sequence, event: event, previousHash: previous, hash: head.hash)
    }

    /// Links an event without making a record of it: the head becomes its number and its hash.
    package mutating func link(_ event: AuditEvent) {
        // Overflow takes 292 million years at a thousand records a millisecond.
        let sequence = head.sequence + 1
        let hash = AuditRecord.hash(sequence: sequence, event: event, previous: head.hash)
        head = AuditHead(sequence: sequence, hash: hash)
    }
}
