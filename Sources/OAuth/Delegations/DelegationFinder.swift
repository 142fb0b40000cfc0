/// Which delegation an exchange of a user's token runs under.
///
/// The one that the request names; else the newest live one that covers all that is asked; else one that a rule
/// makes. Never the union of several.
struct DelegationFinder {
    let registry: Registry

    func find(
        for token: ForeignToken, client: ClientID, target: Resource, scopes: ScopeSet?,
        details: AuthorizationDetails? = nil, named: String?, at now: Timestamp
    ) throws(OAuthError) -> (delegation: Delegation, isNew: Bool) {
        let known = registry.delegations(of: token.subject, to: client, at: now)
        let live = known.filter { $0.status(at: now) == .active }
        if let named {
            guard let delegation = live.first(where: { $0.id.text == named }) else {
                throw OAuthError(
                    .invalidRequest, "delegation_id names no live delegation of this user to this client",
                    rule: "delegation"
                )
            }
            return (delegation, false)
        }
        func covers(_ resources: [ResourceURI], _ granted: ScopeSet, _ ceiling: AuthorizationDetails) -> Bool {
            resources.contains(target.uri) && (scopes?.isSubset(of: granted) ?? true)
                && (details?.isCovered(by: ceiling, at: target) ?? true)
        }
        if let delegation = live.first(where: { covers($0.resources, $0.scopes, $0.authorizationDetails) }) {
            return (delegation, false)
        }

        // A revoked delegation stands against the rules until it would have expired: otherwise the next exchange
        // would quietly undo the revocation.
        let isBarred = known.contains { $0.status(at: now) == .revoked }
        // What a rule made stands in its place, also when it was narrowed since.
        let made = live.compactMap(\.ruleID)
        let rules =
            isBarred
            ? []
            : registry.rules(for: client).filter {
                $0.applies(to: token.subject, groups: token.groups, client: client) && !made.contains($0.id)
            }
        if let rule = rules.first(where: { covers($0.resources, $0.scopes, $0.authorizationDetails) }) {
            return (delegation(by: rule, for: token, at: now), true)
        }
        // Nothing covers it all. What comes nearest lets the policy say what is missing.
        if let nearest = live.first(where: { $0.resources.contains(target.uri) }) ?? live.first {
            return (nearest, false)
        }
        if let rule = rules.first(where: { $0.resources.contains(target.uri) }) ?? rules.first {
            return (delegation(by: rule, for: token, at: now), true)
        }
        throw OAuthError(
            .invalidRequest,
            isBarred
                ? "the delegation of this user to this client was revoked"
                : "no delegation of this user to this client, and no rule that makes one",
            rule: "delegation"
        )
    }

    private func delegation(by rule: DelegationRule, for token: ForeignToken, at now: Timestamp) -> Delegation {
        Delegation(
            id: .make(), subject: token.subject, issuerURL: token.issuer.url, clientID: rule.clientID,
            scopes: rule.scopes, resources: rule.resources, authorizationDetails: rule.authorizationDetails,
            purpose: "made by \(rule.id)", ruleID: rule.id, createdAt: now, expiresAt: now.adding(seconds: rule.maxTTL)
        )
    }
}
