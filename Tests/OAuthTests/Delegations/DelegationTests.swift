import JOSE
import OAuth
import Support
import Testing

@Suite("Delegations")
struct DelegationTests {
    private func draft(_ more: JSONObject = [:]) -> JSONObject {
        let right: JSONObject = [
            "issuer": "corp", "subject": "alice", "client_id": "planner", "scopes": ["calendar.read"],
            "resources": [.string(World.calendar.text)],
        ]
        return right.merging(patch: more)
    }

    @Test("a delegation has a subject, a client, scopes, resources and an end")
    func document() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner, mayAct: [kit.worker.id], expiresIn: 600)
        let document = delegation.document(at: kit.clock.time)
        #expect(document["subject"] == .object(["iss": "https://idp.example.com", "sub": "alice"]))
        #expect(document["client_id"] == "planner")
        #expect(document["scopes"] == ["calendar.read", "calendar.write"])
        #expect(document["may_act"] == ["worker"])
        #expect(document["status"] == "active")
        #expect(document["created_at"] == "2026-03-01T12:00:00Z")
        #expect(document["expires_at"] == "2026-03-01T12:10:00Z")
        #expect(delegation.document(at: kit.clock.time.adding(seconds: 600))["status"] == "expired")
    }

    @Test("thirty days when nobody says how long, and never more than ten years")
    func life() async throws {
        let kit = try await LegateKit.start()
        #expect(try await kit.delegate(to: kit.planner).expiresAt == kit.clock.time.adding(seconds: 30 * 86_400))
        for value in [0, -1, 315_360_001, .number(0.5), "1h"] as [JSON] {
            await expectInvalid("expires_in") { try await kit.create(.delegation, draft(["expires_in": value])) }
        }
        await expectInvalid("expires_in") {
            try await kit.create(.delegation, draft(["expires_in": 60, "expires_at": "2027-01-01T00:00:00Z"]))
        }
    }

    @Test("empty means nothing, so an empty permission is refused")
    func empty() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("scopes") { try await kit.create(.delegation, draft(["scopes": []])) }
        await expectInvalid("resources", "scopes") { try await kit.create(.delegation, draft(["resources": []])) }
        await expectInvalid("subject") { try await kit.create(.delegation, draft(["subject": ""])) }
    }

    @Test("what a delegation names must exist")
    func references() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("issuer") { try await kit.create(.delegation, draft(["issuer": "ghost"])) }
        await expectInvalid("client_id") { try await kit.create(.delegation, draft(["client_id": "ghost"])) }
        await expectInvalid("may_act") { try await kit.create(.delegation, draft(["may_act": ["ghost"]])) }
        await expectInvalid("scopes") { try await kit.create(.delegation, draft(["scopes": ["orders.read"]])) }
        await expectInvalid("status", "delegation_id") {
            try await kit.create(.delegation, draft(["status": "active", "delegation_id": "mine"]))
        }
    }

    @Test(
        "it can only be narrowed",
        arguments: [
            ("scopes", ["calendar.read", "calendar.write", "orders.read"]),
            ("resources", [.string(World.calendar.text), .string(World.orders.text), .string(World.tools.text)]),
            ("expires_at", "2026-04-30T12:00:01Z"), ("may_act", ["worker", "signer"]), ("may_act", []), ("scopes", []),
        ] as [(String, JSON)])
    func onlyNarrower(member: String, value: JSON) async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(
            to: kit.planner, resources: [World.calendar, World.orders], mayAct: [kit.worker.id], expiresIn: 60 * 86_400
        )
        await expectInvalid(member) { try await kit.update(.delegation, delegation.id.text, [member: value]) }
        #expect(kit.server.registry.delegation(delegation.id) == delegation)
    }

    @Test("narrowing takes effect on the next exchange; client and subject are for life")
    func narrowed() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        try await kit.update(.delegation, delegation.id.text, ["scopes": ["calendar.read"], "purpose": "less"])
        #expect(try await kit.act(by: kit.planner).scope == "calendar.read")
        for member in ["client_id", "subject", "issuer"] {
            await expectInvalid(member) { try await kit.update(.delegation, delegation.id.text, [member: "worker"]) }
        }
    }

    @Test("a delegation that is made to end earlier ends its tokens with it")
    func earlierEnd() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        let token = try await kit.act(by: kit.planner)
        try await kit.update(.delegation, delegation.id.text, ["expires_at": "2026-03-01T12:00:10Z"])
        kit.clock.advance(seconds: 9)
        #expect(try await kit.isActive(token.accessToken))
        kit.clock.advance(seconds: 1)
        #expect(try await !kit.isActive(token.accessToken))
        try await kit.server.prune()
        #expect(try await !kit.isActive(token.accessToken))
    }

    @Test("a revoked or expired one cannot be changed any more")
    func closed() async throws {
        let kit = try await LegateKit.start()
        let revoked = try await kit.delegate(to: kit.planner)
        try await kit.revokeDelegation(revoked.id)
        let expired = try await kit.delegate(to: kit.planner, expiresIn: 1)
        kit.clock.advance(seconds: 2)
        for delegation in [revoked, expired] {
            await expectInvalid("status") { try await kit.update(.delegation, delegation.id.text, ["purpose": "x"]) }
        }
    }

    @Test("a rule cannot be changed, and is either for a group or for a user")
    func rules() async throws {
        let kit = try await LegateKit.start()
        let rule = try await kit.allow(kit.planner, with: ["subject": "alice"])
        #expect(rule.maxTTL == 8 * 3600)
        await expectInvalid("rule_id") { try await kit.update(.rule, rule.id.text, ["max_ttl": 1]) }
        await expectInvalid("group") { try await kit.allow(kit.planner, with: ["subject": "alice", "group": "staff"]) }
        await expectInvalid("scopes") { try await kit.allow(kit.planner, with: ["scopes": []]) }
        await expectInvalid("issuer", "client_id") {
            try await kit.allow(kit.planner, with: ["issuer": "ghost", "client_id": "ghost"])
        }
    }

    @Test("an expired delegation is forgotten, and its end is the end of its tokens")
    func pruned() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner, expiresIn: 100)
        let token = try await kit.act(by: kit.planner)
        #expect(token.expiresIn == 100)
        kit.clock.advance(seconds: 100)
        #expect(try await !kit.isActive(token.accessToken))
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        try await kit.server.prune()
        #expect(kit.server.registry.delegation(delegation.id) == nil)
    }
}
