import Testing

@testable import OAuth

@Suite("Policy")
struct PolicyTests {
    /// A rule that always objects.
    private struct Never: PolicyRule {
        static let name = "never"
        let code: OAuthError.Code
        func objection(to authorization: Authorization, in context: PolicyContext) -> Refusal? {
            Refusal(rule: Self.name, code: code, reason: "never")
        }
    }

    @Test("the first objection decides")
    func first() throws {
        let registry = try Fixtures.registry()
        let policy = Policy(rules: [Never(code: .accessDenied), Never(code: .invalidScope)], registry: registry)
        guard case .refuse(let refusal) = policy.decide(Fixtures.authorization(Fixtures.client("a")), at: Fixtures.now)
        else {
            Issue.record("permitted")
            return
        }
        #expect(refusal.code == .accessDenied)
    }

    @Test("scopes are attenuated after the last rule, also when there is no other")
    func scopes() throws {
        let policy = Policy(rules: [], registry: try Fixtures.registry())
        guard
            case .permit(let permit) = policy.decide(
                Fixtures.authorization(Fixtures.client("a", scopes: "read")), at: Fixtures.now)
        else {
            Issue.record("refused")
            return
        }
        #expect(permit.scopes == Fixtures.scopes("read"))
        #expect(permit.rule == "client_registration")
        #expect(permit.issuedAt == Fixtures.now.seconds)
        let nothing = policy.decide(Fixtures.authorization(Fixtures.client("a", scopes: "")), at: Fixtures.now)
        guard case .refuse = nothing else {
            Issue.record("permitted with no scope at all")
            return
        }
    }

    @Test("the permit names the rule of the delegation, or the delegation")
    func rule() throws {
        let policy = Policy(rules: [], registry: try Fixtures.registry())
        let delegation = try Fixtures.delegation(to: "a")
        let authorization = Fixtures.authorization(Fixtures.client("a")) { $0.delegation = delegation }
        guard case .permit(let permit) = policy.decide(authorization, at: Fixtures.now) else {
            Issue.record("refused")
            return
        }
        #expect(permit.rule == delegation.id.text)
    }
}
