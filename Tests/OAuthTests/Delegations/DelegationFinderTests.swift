import Testing

@testable import OAuth

@Suite("Finding the delegation")
struct DelegationFinderTests {
    private func find(
        _ delegations: [Delegation] = [], rules: [DelegationRule] = [], resource: String = "api",
        scopes: String? = nil, named: String? = nil, groups: [String] = [], at now: Timestamp = Fixtures.now
    ) throws -> (delegation: Delegation, isNew: Bool) {
        let registry = try Fixtures.registry(
            resources: [Fixtures.resource("api"), Fixtures.resource("other")], rules: rules, delegations: delegations
        )
        let target = try #require(registry.resource(Fixtures.uri(resource)))
        return try DelegationFinder(registry: registry).find(
            for: try Fixtures.foreignToken(groups: groups), client: Fixtures.id("planner"), target: target,
            scopes: scopes.map(Fixtures.scopes), named: named, at: now
        )
    }

    private func refusal(_ body: () throws -> (delegation: Delegation, isNew: Bool)) -> OAuthError? {
        do {
            let found = try body()
            Issue.record("found \(found.delegation)")
            return nil
        } catch {
            return error as? OAuthError
        }
    }

    private func made(_ age: Int, scopes: String = "read write", resources: [String] = ["api"]) throws -> Delegation {
        let time = Timestamp(seconds: Fixtures.now.seconds - Int64(age))
        return try Fixtures.delegation(to: "planner", scopes: scopes, resources: resources, created: time)
    }

    @Test("without a delegation and a rule there is no token")
    func nothing() {
        #expect(refusal { try find() }?.code == .invalidRequest)
        #expect(refusal { try find() }?.rule == "delegation")
    }

    @Test("another user's, another client's and an expired delegation count for nothing")
    func others() throws {
        let others = [
            try Fixtures.delegation(to: "planner", from: "corp|bob"), try Fixtures.delegation(to: "worker"),
            try Fixtures.delegation(to: "planner", from: "other|alice"), try made(3600),
        ]
        #expect(refusal { try find(others) }?.code == .invalidRequest)
        for other in others {
            #expect(refusal { try find(others, named: other.id.text) }?.code == .invalidRequest)
        }
    }

    @Test("the newest that covers all that is asked is taken")
    func newest() throws {
        let old = try made(300), middle = try made(200), young = try made(100, scopes: "read")
        #expect(try find([old, middle, young]).delegation == young)
        #expect(try find([old, middle, young], scopes: "write").delegation == middle)
        #expect(try find([old, middle, young], scopes: "read").isNew == false)
    }

    @Test("two delegations are never put together")
    func noUnion() throws {
        let reading = try made(300, scopes: "read"), writing = try made(200, scopes: "write")
        let found = try find([reading, writing], scopes: "read write")
        #expect(found.delegation == writing)
        #expect(found.delegation.scopes == Fixtures.scopes("write"))
        let there = try made(300, scopes: "write", resources: ["other"])
        #expect(try find([reading, there], scopes: "write").delegation == reading)
    }

    @Test("the one that the request names is taken, even when another covers more")
    func named() throws {
        let small = try made(300, scopes: "read"), large = try made(100)
        #expect(try find([small, large], scopes: "write", named: small.id.text).delegation == small)
        #expect(
            refusal { try find([small], named: "dlg_unknown") }?.description.hasPrefix("delegation_id names no live")
                == true)
    }

    @Test("a revoked one cannot be named")
    func namedRevoked() throws {
        let revoked = try Fixtures.delegation(to: "planner") { $0.revokedAt = Fixtures.now }
        #expect(refusal { try find([revoked], named: revoked.id.text) }?.code == .invalidRequest)
    }

    @Test("a rule makes a delegation of exactly its own size")
    func rule() throws {
        let rule = try Fixtures.rule(for: "planner", scopes: "read", lives: 60)
        let found = try find(rules: [rule])
        #expect(found.isNew)
        #expect(found.delegation.ruleID == rule.id)
        #expect(found.delegation.scopes == Fixtures.scopes("read"))
        #expect(found.delegation.resources == rule.resources)
        #expect(found.delegation.expiresAt == Fixtures.now.adding(seconds: 60))
        #expect(found.delegation.subject.claim == "corp|alice")
    }

    @Test("what a delegation covers needs no rule")
    func delegationFirst() throws {
        let delegation = try made(10)
        let found = try find([delegation], rules: [try Fixtures.rule(for: "planner")], scopes: "read")
        #expect(found.delegation == delegation)
        #expect(!found.isNew)
    }

    @Test("a revoked delegation stands against the rules until it would have expired")
    func barred() throws {
        let revoked = try Fixtures.delegation(to: "planner", lives: 60) { $0.revokedAt = Fixtures.now }
        let rules = [try Fixtures.rule(for: "planner")]
        let error = refusal { try find([revoked], rules: rules) }
        #expect(error?.description == "the delegation of this user to this client was revoked")
        #expect(try find([revoked], rules: rules, at: Fixtures.now.adding(seconds: 60)).isNew)
    }

    @Test("an operator's own new delegation stands beside a revoked one")
    func afterRevocation() throws {
        let revoked = try Fixtures.delegation(to: "planner") { $0.revokedAt = Fixtures.now }
        let fresh = try made(0)
        #expect(try find([revoked, fresh]).delegation == fresh)
    }

    @Test("a rule is for its issuer, its client, its group and its user")
    func ruleConditions() throws {
        #expect(refusal { try find(rules: [try Fixtures.rule(for: "worker")]) } != nil)
        #expect(refusal { try find(rules: [try Fixtures.rule(for: "planner", issuer: "other")]) } != nil)
        #expect(
            refusal { try find(rules: [try Fixtures.rule(for: "planner", group: "staff")], groups: ["Staff", "all"]) }
                != nil)
        #expect(try find(rules: [try Fixtures.rule(for: "planner", group: "staff")], groups: ["all", "staff"]).isNew)
        #expect(refusal { try find(rules: [try Fixtures.rule(for: "planner", subject: "bob")]) } != nil)
        #expect(try find(rules: [try Fixtures.rule(for: "planner", subject: "alice")]).isNew)
    }

    @Test("when nothing covers what is asked, the nearest is found so that the policy can say what is missing")
    func nearest() throws {
        let reading = try made(10, scopes: "read")
        #expect(try find([reading], scopes: "write").delegation == reading)
        let elsewhere = try made(10, resources: ["other"])
        #expect(try find([elsewhere]).delegation == elsewhere)
        #expect(try find(rules: [try Fixtures.rule(for: "planner", scopes: "read")], scopes: "write").isNew)
    }
}
