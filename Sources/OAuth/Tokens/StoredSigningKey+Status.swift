extension StoredSigningKey {
    /// The key's state, which follows from the clock and from the other keys of its algorithm.
    ///
    /// - Parameter all: every key of the server, this one too.
    func status(among all: [StoredSigningKey], at now: Timestamp) -> SigningKeys.Status {
        if revokedAt != nil { return .revoked }
        // Also when the clock was set back since: what is erased never comes back.
        if erasedAt != nil { return .retired }
        if activeFrom > now { return .next }
        let successor = all.filter {
            $0.algorithm == algorithm && $0.revokedAt == nil && $0.activeFrom > activeFrom && $0.activeFrom <= now
        }.map(\.activeFrom).min()
        guard let successor else { return .active }
        return now < successor.adding(seconds: TokenLifetime.ceiling + 1) ? .retiring : .retired
    }
}

extension SigningKeys.Status {
    /// Whether a key in this state stands in the published set.
    var isPublished: Bool { [.next, .active, .retiring].contains(self) }

    /// Whether a key in this state will never sign or verify a token again.
    var isOver: Bool { self == .revoked || self == .retired }
}
