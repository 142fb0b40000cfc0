/// A user of a trusted issuer. In our tokens and records it is `NAME|SUB`.
package struct UserSubject: Hashable, Sendable, CustomStringConvertible {
    package let issuer: IssuerName
    package let subject: String

    /// Nil when the subject is empty, longer than 255 bytes or has control characters.
    package init?(issuer: IssuerName, subject: String) {
        guard (1...255).contains(subject.utf8.count), subject.isPrintable else { return nil }
        self.issuer = issuer
        self.subject = subject
    }

    /// Nil unless the text is `NAME|SUB`.
    package init?(claim: String) {
        guard let bar = claim.firstIndex(of: "|"), let issuer = IssuerName(String(claim[..<bar])) else { return nil }
        self.init(issuer: issuer, subject: String(claim[claim.index(after: bar)...]))
    }

    /// Byte by byte: Swift's own comparison would take canonically equivalent names for the same user.
    package static func == (left: UserSubject, right: UserSubject) -> Bool {
        left.issuer == right.issuer && left.subject.utf8.elementsEqual(right.subject.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(issuer)
        for byte in subject.utf8 { hasher.combine(byte) }
    }

    /// The `sub` claim.
    package var claim: String { issuer.text + "|" + subject }
    package var description: String { claim }
}
