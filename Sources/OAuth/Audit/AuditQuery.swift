package import Vault

/// Which audit records are wanted. All that are set must match.
package struct AuditQuery: Sendable, Equatable {
    package var clientID: String?
    package var subject: String?
    package var delegationID: String?
    package var taskID: String?
    package var jti: String?
    /// `KIND/ID` of a registry change.
    package var target: String?
    package var decision: AuditEvent.Decision?
    package var since: Timestamp?
    /// Only records with a greater sequence number.
    package var after: Int64
    package var limit: Int
    /// Take the newest that match (still returned oldest first) instead of the oldest.
    package var newest: Bool

    package init(after: Int64 = 0, limit: Int = 100, newest: Bool = false) {
        self.after = after
        self.limit = limit
        self.newest = newest
    }
}

/// How much of the audit trail is in the database.
package struct AuditExtent: Sendable, Equatable {
    package let firstSequence: Int64
    package let lastSequence: Int64
    package let firstTimestamp: Timestamp?
    /// Bytes of the database file.
    package let bytes: Int64

    package init(firstSequence: Int64, lastSequence: Int64, firstTimestamp: Timestamp?, bytes: Int64) {
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
        self.firstTimestamp = firstTimestamp
        self.bytes = bytes
    }
}
