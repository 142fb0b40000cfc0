package import Revocations

extension Revocation {
    /// A tombstone for everything issued up to `now`, kept for the longest life that a token can have.
    package init(_ kind: Kind, _ id: String, at now: Timestamp, reason: String? = nil) {
        self.init(
            kind: kind, id: id, issuedBefore: now.seconds, expires: Self.expiry(at: now), reason: reason
        )
    }

    /// The same taken at a later moment: it never reaches back, and is never forgotten sooner.
    func taken(at now: Timestamp) -> Revocation {
        var taken = self
        taken.issuedBefore = max(issuedBefore, now.seconds)
        taken.expires = max(expires, Self.expiry(at: now))
        return taken
    }

    private static func expiry(at now: Timestamp) -> Int64 {
        now.adding(seconds: TokenLifetime.ceiling + 1).seconds
    }
}
