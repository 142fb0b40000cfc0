/// The delegation must be active, and its issuer still trusted, at this very moment.
package struct DelegationLive: PolicyRule {
    package static let name = "delegation_live"
    package init() {}

    package func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal? {
        guard let delegation = authorization.delegation else { return nil }
        switch delegation.status(at: context.now) {
        case .active: break
        case .revoked: return refuse(.invalidRequest, "the delegation was revoked")
        case .expired: return refuse(.invalidRequest, "the delegation has expired")
        }
        guard context.registry.issuer(delegation.subject.issuer)?.enabled == true else {
            return refuse(.invalidRequest, "the issuer of the delegating user is not trusted any more")
        }
        return nil
    }
}
