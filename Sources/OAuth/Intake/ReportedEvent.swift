import JOSE

/// What an identity provider says has happened: the URI of an event type, a member of `events` (RFC 8417 section 2.2).
struct ReportedEvent: RawRepresentable, Hashable, Sendable {
    let rawValue: String

    private static let caep = "https://schemas.openid.net/secevent/caep/event-type/"
    private static let risc = "https://schemas.openid.net/secevent/risc/event-type/"

    static let sessionRevoked = ReportedEvent(rawValue: caep + "session-revoked")
    static let credentialChange = ReportedEvent(rawValue: caep + "credential-change")
    static let accountDisabled = ReportedEvent(rawValue: risc + "account-disabled")
    static let accountPurged = ReportedEvent(rawValue: risc + "account-purged")
    static let sessionsRevoked = ReportedEvent(rawValue: risc + "sessions-revoked")

    /// Events after which nothing that the user gave may go on. Any other is acknowledged and recorded, for no standard
    /// asks its receiver to end anything: a changed credential is the identity provider's affair, and it says so with
    /// `session-revoked` when sessions are to end.
    private static let ends: Set<ReportedEvent> = [.sessionRevoked, .accountDisabled, .accountPurged, .sessionsRevoked]

    var endsSubject: Bool { Self.ends.contains(self) }

    /// The last part of the URI, for the audit record; `?` when it is not plain.
    var shortName: String {
        let name = rawValue.split(separator: "/").last.map(String.init) ?? ""
        return name.consists(of: .clientChosenName, count: 1...64) ? name : "?"
    }

    /// An event says one thing; a few are read, so that nothing is lost when several stand together.
    private static let mostInOneToken = 8

    /// The types that an `events` claim names; nil unless it is an object of one to a few objects.
    static func all(in claim: JSON?) -> [ReportedEvent]? {
        guard let events = claim?.object, (1...mostInOneToken).contains(events.count),
            events.members.allSatisfy({ $0.value.object != nil })
        else { return nil }
        return events.members.map { ReportedEvent(rawValue: $0.name) }
    }
}
