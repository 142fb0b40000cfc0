import Testing

@testable import OAuth

@Suite("Rule: the delegation is live")
struct DelegationLiveTests {
    private func objection(
        _ delegation: Delegation?, issuer enabled: Bool? = true, at now: Timestamp = Fixtures.now
    ) throws -> Refusal? {
        let issuers = try enabled.map { enabled in [try Fixtures.issuer { $0.enabled = enabled }] } ?? []
        let registry = try Fixtures.registry(issuers: issuers)
        let authorization = Fixtures.authorization(Fixtures.client("planner")) { $0.delegation = delegation }
        return DelegationLive().objection(to: authorization, in: Fixtures.context(registry, at: now))
    }

    @Test("without a delegation there is nothing to object to")
    func none() throws { #expect(try objection(nil, issuer: nil) == nil) }

    @Test("an active one passes until the very millisecond of its end")
    func active() throws {
        let delegation = try Fixtures.delegation(to: "planner", lives: 60)
        #expect(try objection(delegation) == nil)
        let last = Timestamp(milliseconds: delegation.expiresAt.milliseconds - 1)
        #expect(try objection(delegation, at: last) == nil)
        #expect(try objection(delegation, at: delegation.expiresAt)?.reason == "the delegation has expired")
    }

    @Test("a revoked one is refused, even when it would have expired too")
    func revoked() throws {
        let delegation = try Fixtures.delegation(to: "planner") { $0.revokedAt = Fixtures.now }
        #expect(try objection(delegation)?.reason == "the delegation was revoked")
    }

    @Test("an issuer that is disabled or not trusted any more takes its delegations with it")
    func issuer() throws {
        let delegation = try Fixtures.delegation(to: "planner")
        #expect(try objection(delegation, issuer: false)?.code == .invalidRequest)
        #expect(try objection(delegation, issuer: nil)?.code == .invalidRequest)
    }
}
