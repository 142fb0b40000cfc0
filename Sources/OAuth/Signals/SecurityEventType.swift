/// What a security event of ours says (RFC 8417 section 2.2): the URI of its one member of `events`.
package struct SecurityEventType: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    /// Tokens have ended (CAEP section 3.1).
    package static let sessionRevoked = Self(rawValue: ReportedEvent.sessionRevoked.rawValue)
    /// A key has ended (CAEP section 3.3).
    package static let credentialChange = Self(rawValue: ReportedEvent.credentialChange.rawValue)
    /// The stream works (SSF section 8.1.4).
    package static let verification = Self(
        rawValue: "https://schemas.openid.net/secevent/ssf/event-type/verification"
    )

    /// What a receiver may ask for, by the last part of the URI. Verification needs no asking.
    package static let subscribable: [SecurityEventType] = [.sessionRevoked, .credentialChange]

    /// The last part of the URI: what the admin API and the command line call it.
    package var shortName: String { rawValue.split(separator: "/").last.map(String.init) ?? rawValue }

    package init?(shortName: String) {
        guard let type = Self.subscribable.first(where: { $0.shortName == shortName }) else { return nil }
        self = type
    }
}
