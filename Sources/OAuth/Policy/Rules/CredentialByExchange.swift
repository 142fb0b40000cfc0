/// What opens a third party's API is in the vault, and only an exchange hands it out.
package struct CredentialByExchange: PolicyRule {
    package static let name = "credential_by_exchange"
    package init() {}

    package func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal? {
        guard authorization.target.kind == .thirdParty, authorization.grant != .tokenExchange else { return nil }
        return refuse(
            .invalidTarget, "\(authorization.target.uri) is a third party's API: exchange a token for its credential"
        )
    }
}
