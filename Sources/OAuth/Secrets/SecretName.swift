/// The name of a secret: a path such as `payments/stripe`, so that what belongs together is listed together.
///
/// Segments of 1 to 64 characters of `[A-Za-z0-9._-]` with `/` between, none of them `.` or `..`, 255 in all.
package struct SecretName: Identifier {
    package let text: String

    package static let form =
        "1 to 255 characters: segments of A-Z a-z 0-9 . _ - with / between, each at most 64 long and not . or .."

    /// Nil when the text is no such path.
    package init?(_ text: String) {
        guard (1...255).contains(text.utf8.count) else { return nil }
        // By bytes: a name is ASCII, and every request for a value comes by here.
        for part in text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            let segment = String(Substring(part))
            guard segment.consists(of: .secretName, count: 1...64), segment != ".", segment != ".." else {
                return nil
            }
        }
        self.text = text
    }
}

/// What a secret's value is, and who makes it.
package enum SecretKind: String, Sendable, CaseIterable {
    /// An opaque value that somebody put in.
    case `static`
    /// A value that Legate makes itself, and a new one on schedule.
    case generated
    /// A connection to a third party's authorization server: what is released is a short-lived access token.
    case oauth
    /// The secret of one of Legate's own clients.
    case client
}
