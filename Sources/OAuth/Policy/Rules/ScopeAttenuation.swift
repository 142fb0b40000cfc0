/// Scope = requested ∩ subject token ∩ delegation ∩ client ∩ resource. It never grows, and is never narrowed silently.
package struct ScopeAttenuation: Sendable {
    package static let name = "scope_attenuation"

    func grant(to authorization: Authorization) -> Result<ScopeSet, Refusal> {
        let ceilings =
            [
                ScopeCeiling(origin: "the client", scopes: authorization.client.scopes),
                ScopeCeiling(origin: "the resource", scopes: authorization.target.scopes),
            ] + authorization.scopeCeilings
        guard let requested = authorization.requestedScopes else {
            let granted = ceilings.dropFirst().reduce(authorization.client.scopes) { $0.intersection($1.scopes) }
            return granted.isEmpty
                ? .failure(refuse("no scope is left that client, resource and parents all allow")) : .success(granted)
        }
        for ceiling in ceilings where !requested.isSubset(of: ceiling.scopes) {
            return .failure(refuse("\(ceiling.origin) does not have: \(requested.subtracting(ceiling.scopes))"))
        }
        return requested.isEmpty ? .failure(refuse("scope is empty")) : .success(requested)
    }

    private func refuse(_ reason: String) -> Refusal {
        Refusal(rule: Self.name, code: .invalidScope, reason: reason)
    }
}
