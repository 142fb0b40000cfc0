/// What a request may have. Only the policy makes one, so no token is signed without it.
package struct Permit: Sendable {
    private let sharedAuthorization: Shared<Authorization>
    package let scopes: ScopeSet
    package let authorizationDetails: AuthorizationDetails
    /// Whole seconds since 1970.
    package let issuedAt: Int64
    package let expiresAt: Int64
    /// The rule that had the last word, for the audit record.
    package let rule: String

    package var authorization: Authorization { sharedAuthorization.value }

    fileprivate init(
        authorization: Authorization, scopes: ScopeSet, authorizationDetails: AuthorizationDetails, issuedAt: Int64,
        expiresAt: Int64, rule: String
    ) {
        sharedAuthorization = Shared(authorization)
        self.scopes = scopes
        self.authorizationDetails = authorizationDetails
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.rule = rule
    }
}

/// Why the policy says no: a value, until the spine turns it into an error.
package struct Refusal: Sendable, Equatable {
    package let rule: String
    /// One sentence that says what would have to change.
    package let reason: String
    package let code: OAuthError.Code

    package init(rule: String, code: OAuthError.Code, reason: String) {
        self.rule = rule
        self.code = code
        self.reason = reason
    }

    var error: OAuthError { OAuthError(code, reason, rule: rule) }
}

package enum Decision: Sendable {
    case permit(Permit)
    case refuse(Refusal)
}

/// One rule of the policy. One file each in `Rules/`.
package protocol PolicyRule: Sendable {
    static var name: String { get }
    /// Nil when the rule has nothing against it.
    func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal?
}

extension PolicyRule {
    func refuse(_ code: OAuthError.Code, _ reason: String) -> Refusal {
        Refusal(rule: Self.name, code: code, reason: reason)
    }
}

/// What rules may look at beside the authorization itself.
package struct PolicyContext: Sendable {
    package let registry: Registry
    package let now: Timestamp
}

/// All rules, in order; the first objection decides.
package struct Policy: Sendable {
    private let rules: [any PolicyRule]
    private let registry: Registry

    package init(rules: [any PolicyRule], registry: Registry) {
        self.rules = rules
        self.registry = registry
    }

    package func decide(_ authorization: Authorization, at now: Timestamp) -> Decision {
        let context = PolicyContext(registry: registry, now: now)
        for rule in rules {
            if let refusal = rule.objection(to: authorization, in: context) { return .refuse(refusal) }
        }
        switch (
            ScopeAttenuation().grant(to: authorization), DetailsAttenuation(registry: registry).grant(to: authorization)
        ) {
        case (.failure(let refusal), _), (_, .failure(let refusal)): return .refuse(refusal)
        case (.success(let scopes), .success(let details)):
            return .permit(
                Permit(
                    authorization: authorization, scopes: scopes, authorizationDetails: details, issuedAt: now.seconds,
                    expiresAt: min(
                        TokenLifetime.end(of: authorization, at: now),
                        TaskWithinLimits.end(of: authorization, in: context) ?? .max
                    ),
                    rule: authorization.delegation.map { $0.ruleID?.text ?? $0.id.text } ?? "client_registration"
                )
            )
        }
    }
}

extension Refusal: Error {}
