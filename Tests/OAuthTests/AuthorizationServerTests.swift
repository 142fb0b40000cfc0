import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("The authorization server")
struct AuthorizationServerTests {
    @Test("everything comes back after a restart: clients, delegations, keys, closed names, tombstones, the trail")
    func restart() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        let rule = try await kit.allow(kit.worker)
        let live = try await kit.act(by: kit.planner)
        let dead = try await kit.token(kit.planner, with: ["task_id": "t"])
        try await kit.end(.task, "planner/t")
        let head = kit.server.ledger.auditHead
        let again = try await kit.restarted()
        for party in [kit.planner, kit.worker, kit.signer, kit.runner, kit.gateway, kit.calendarAPI, kit.auditor] {
            #expect(again.client(party.id) == kit.client(party.id))
        }
        #expect(again.server.registry.registeredResources == kit.server.registry.registeredResources)
        #expect(again.server.registry.issuer(kit.corp.name) == kit.server.registry.issuer(kit.corp.name))
        #expect(again.server.registry.delegation(delegation.id) == delegation)
        #expect(again.server.registry.rule(rule.id) == rule)
        #expect(again.server.ledger.auditHead == head)
        #expect(try await again.isActive(live.accessToken))
        #expect(try await !again.isActive(dead.accessToken))
        await expectRefusal(.invalidRequest) { try await again.token(again.planner, with: ["task_id": "t"]) }
        try await again.act(by: again.planner)
    }

    @Test("an operator's refused call is in the trail")
    func refusal() async throws {
        let kit = try await LegateKit.start()
        let caller = kit.admin("audit:read")
        try await kit.server.recordRefusal(OAuthError(.insufficientScope, "no", rule: "clients:write"), by: caller)
        let event = try #require(try await kit.lastRecord()?.event)
        #expect(event.name == .adminRefused)
        #expect(event.decision == .deny)
        #expect(event.clientID == "operator")
        #expect(event.parentJTI == caller.token.identity.jti)
        #expect(event.policyEvaluation?.rule == "clients:write")
    }

    @Test("pruning forgets what no live token can carry, and nothing else")
    func prune() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        try await kit.end(.client, "planner")
        try await kit.server.prune()
        #expect(kit.server.revocations.count == 1)
        #expect(try await !kit.isActive(token.accessToken))
        kit.clock.advance(seconds: 1000)
        try await kit.server.prune()
        #expect(kit.server.revocations.count == 0)
        #expect(try await !kit.isActive(token.accessToken))
    }
}
