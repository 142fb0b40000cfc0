package import Vault

/// Something that a person has to look at now: it is told to the log and the metrics beside the audit trail.
package struct Alarm: Sendable {
    /// A closed set: each is a series in the metrics.
    package enum Kind: String, Sendable, CaseIterable {
        /// A planted credential was used: somebody has read the place where it was put.
        case canaryUsed = "canary_used"
        /// A reference was opened a second time: one of the two openers was not meant to have it.
        case unwrappedTwice = "unwrapped_twice"
        /// A provider does not honour a connection any more: a person has to connect the account again.
        case connectionBroken = "connection_broken"
        /// A sealed box does not open: somebody changed the database, or the disk did.
        case boxRefused = "box_refused"
    }

    package let kind: Kind
    /// What the trail tells of it, without any secret.
    package let event: AuditEvent
    /// Whether the same was told less than a minute ago: then it is counted, and not said again.
    package let isRepeated: Bool

    package init(_ kind: Kind, _ event: AuditEvent, isRepeated: Bool = false) {
        self.kind = kind
        self.event = event
        self.isRepeated = isRepeated
    }
}

/// Who hears an alarm: the composition root.
package typealias AlarmBell = @Sendable (Alarm) -> Void
