import Revocations
import Vault

/// Where a user leaves: every token on the user's behalf and every delegation of the user ends.
///
/// Three ways lead here beside the revocation desk: an identity provider's event, an operator's tool that speaks global
/// token revocation, and a person at the command line.
package struct SubjectDesk: Sendable {
    private let registry: Registry
    private let store: any Store
    private let ledger: Ledger
    private let now: Now

    package static let scope = "revocations:write"

    package init(registry: Registry, store: any Store, ledger: Ledger, now: @escaping Now) {
        self.registry = registry
        self.store = store
        self.ledger = ledger
        self.now = now
    }

    /// Global token revocation: ends all that a user of a trusted issuer has given.
    ///
    /// - Returns: false when nothing is known of such a user: no delegation was ever made, or none in the last months.
    package func revoke(_ reported: ReportedSubject, by caller: Operator) async throws -> Bool {
        try caller.require(Self.scope)
        guard case .issuerAndSubject(let url, let name) = reported else {
            throw OAuthError(.invalidRequest, "sub_id must have the format iss_sub: others name no user here")
        }
        guard let issuer = IssuerURL(url).flatMap({ registry.issuer(at: $0) }) else { return false }
        guard issuer.subjectClaim == Claim.subject else {
            throw OAuthError(
                .invalidRequest,
                "users of this issuer are known by their \(issuer.subjectClaim), not by sub: revoke the subject by name"
            )
        }
        guard let user = UserSubject(issuer: issuer.name, subject: name) else {
            throw OAuthError(.invalidRequest, "sub must be a text of 1 to 255 bytes without control characters")
        }
        guard try await isKnown(user) else { return false }
        try await end(user, reason: "global token revocation") { time in
            var event = caller.event(.revocationCreated, target: "subject/\(user.claim)", rule: Self.scope, at: time)
            event.delegatingUser = user.claim
            event.requestContext = "global token revocation"
            return Entry(audit: [event])
        }
        return true
    }

    /// Ends a user's tokens and delegations together with what else is in `entry`.
    func end(_ user: UserSubject, reason: String, with entry: (Timestamp) -> Entry) async throws {
        let sweep = DelegationSweep(registry: registry, ledger: ledger, now: now)
        try await sweep.commit(ending: { $0.subject == user }, reason: reason) { time in
            var entry = entry(time)
            entry.changes.append(.revoke(Revocation(.subject, user.claim, at: time, reason: reason)))
            return entry
        }
    }

    /// A user's tokens always stand on a delegation: whoever never gave one has nothing to revoke.
    private func isKnown(_ user: UserSubject) async throws -> Bool {
        if registry.hasDelegation(of: user) { return true }
        let filter = DelegationFilter(subject: user.claim, now: now())
        var cursor: String?
        repeat {
            let page = try await store.page(of: .delegation, after: cursor, limit: 100, filter: filter)
            for case .delegation(let delegation) in page where delegation.subject == user { return true }
            cursor = page.count == 100 ? page.last?.registered.identifier : nil
        } while cursor != nil
        return false
    }
}
