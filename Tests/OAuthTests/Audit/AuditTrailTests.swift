import JOSE
import OAuth
import Revocations
import Support
import Synchronization
import Testing
import Vault

@Suite("The audit trail")
struct AuditTrailTests {
    private func export(_ kit: LegateKit, since: Timestamp? = nil) async throws -> [[UInt8]] {
        let lines = Mutex<[[UInt8]]>([])
        try await kit.server.auditTrail.export(since: since, for: kit.admin()) { line in
            lines.withLock { $0.append(line) }
        }
        return lines.withLock { $0 }
    }

    private func check(_ kit: LegateKit, _ lines: [[UInt8]]) -> AuditReport {
        var verifier = AuditExport(keys: kit.server.keys.published(at: kit.clock.time), issuer: kit.issuer.text)
        for line in lines { _ = verifier.consume(line: Array(line.dropLast())) }
        return verifier.finish()
    }

    // MARK: Who authorised this?

    @Test("a token is traced back to the person who allowed it, hand by hand")
    func trace() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools])
        let first = try await kit.act(by: kit.planner, at: World.tools)
        let second = try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders)
        let jti = second.token.identity.jti
        let trace = try #require(try await kit.server.auditTrail.trace(jti, for: kit.admin("audit:read")))
        #expect(trace["jti"] == .string(jti))
        #expect(trace["status"] == "active")
        #expect(trace["token"]?.object?["jti"] == .string(jti))
        let chain = trace["chain"]?.array?.compactMap(\.object) ?? []
        #expect(chain.compactMap { $0["jti"]?.string } == [first.token.identity.jti, jti])
        #expect(chain.compactMap { $0["client_id"]?.string } == ["planner", "worker"])
        #expect(chain.allSatisfy { $0["delegating_user"] == "corp|alice" })
        let shown = try #require(trace["delegation"]?.object)
        #expect(shown["delegation_id"] == .string(delegation.id.text))
        #expect(shown["created"]?.object?["event"] == "delegation.created")
        #expect(shown["created"]?.object?["client_id"] == "operator")
        let clients = trace["clients"]?.array?.compactMap(\.object) ?? []
        #expect(clients.compactMap { $0["client_id"]?.string } == ["planner", "worker"])
        #expect(clients.allSatisfy { $0["registered"]?.object?["event"] == "client.created" })
        #expect(clients.first?["owner"] == "planner@example.com")
        #expect(trace["revocations"] == [])
    }

    @Test("a trace says how a token ended, and agrees with introspection")
    func traceEnded() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(
            to: kit.planner, scopes: "orders.read tools.call", resources: [World.orders, World.tools])
        func deep() async throws -> TokenResponse {
            let first = try await kit.act(by: kit.planner, at: World.tools, with: ["agent_id": "p1"])
            return try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders)
        }
        func status(_ token: TokenResponse) async throws -> JSON? {
            try await kit.server.auditTrail.trace(token.token.identity.jti, for: kit.admin())?["status"]
        }
        let one = try await deep()
        try await kit.end(.agent, "planner/p1")
        #expect(try await !kit.isActive(one.accessToken))
        #expect(try await status(one) == "revoked")
        try await kit.server.revocationDesk.reopenAgent(
            try #require(QualifiedName(qualified: "planner/p1")), by: kit.admin())

        let two = try await deep()
        #expect(try await status(two) == "active")
        try await kit.end(.client, "planner", reason: "leaked")
        #expect(try await status(two) == "revoked")
        let trace = try #require(try await kit.server.auditTrail.trace(two.token.identity.jti, for: kit.admin()))
        let ending = try #require(trace["revocations"]?.array?.last?.object)
        #expect(ending["event"] == "revocation.created")
        #expect(ending["request_context"] == "leaked")

        let three = try await deep()
        kit.clock.advance(seconds: 300)
        #expect(try await status(three) == "expired")
    }

    @Test("a client's own token traces back to its own beginning")
    func traceOwn() async throws {
        let kit = try await LegateKit.start()
        let parent = try await kit.token(kit.planner, for: World.tools, with: ["agent_id": "p1"])
        let child = try await kit.exchange(parent.accessToken, by: kit.worker, for: World.orders)
        let trace = try #require(try await kit.server.auditTrail.trace(child.token.identity.jti, for: kit.admin()))
        #expect(trace["delegation"] == .null)
        #expect(trace["chain"]?.array?.count == 2)
        try await kit.end(.client, "planner")
        #expect(try await !kit.isActive(child.accessToken))
        #expect(
            try await kit.server.auditTrail.trace(child.token.identity.jti, for: kit.admin())?["status"] == "revoked")
    }

    @Test("an unknown token has no trace, and reading needs the scope")
    func traceNothing() async throws {
        let kit = try await LegateKit.start()
        let trail = kit.server.auditTrail
        #expect(try await trail.trace("nothing", for: kit.admin()) == nil)
        await expectRefusal(.insufficientScope) { try await trail.trace("nothing", for: kit.admin("keys:read")) }
        await expectRefusal(.insufficientScope) { try await trail.verify(for: kit.admin("keys:read")) }
        await expectRefusal(.insufficientScope) {
            try await trail.records(matching: AuditQuery(), for: kit.admin("keys:read"))
        }
        await expectRefusal(.insufficientScope) {
            try await trail.export(since: nil, for: kit.admin("keys:read")) { _ in }
        }
    }

    @Test("records are found by what they say")
    func queries() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        try await kit.act(by: kit.planner, with: ["task_id": "t"])
        try await kit.token(kit.worker, for: World.orders)
        await expectRefusal(.invalidScope) { try await kit.token(kit.planner, scope: "x") }
        func count(_ adjust: (inout AuditQuery) -> Void) async throws -> Int { try await kit.records(adjust).count }
        #expect(try await count { $0.clientID = "planner" } == 2)
        #expect(try await count { $0.subject = "corp|alice" } == 2)
        #expect(try await count { $0.delegationID = delegation.id.text } == 2)
        #expect(try await count { $0.taskID = "planner/t" } == 1)
        #expect(try await count { $0.decision = .deny } == 1)
        #expect(try await count { $0.target = "client/planner" } == 1)
        #expect(try await count { $0.after = kit.auditCount - 1 } == 1)
        #expect(try await count { $0.since = kit.clock.time.adding(seconds: 1) } == 0)
        #expect(
            try await count {
                $0.clientID = "planner"; $0.decision = .deny
            } == 1)
    }

    // MARK: Is it whole?

    @Test("an untouched trail is valid, also after a restart")
    func valid() async throws {
        let kit = try await LegateKit.start()
        for _ in 0..<5 { try await kit.token(kit.planner) }
        let before = try await kit.server.auditTrail.verify(for: kit.admin())
        #expect(before["valid"] == true)
        #expect(before["records"] == .integer(kit.auditCount))
        #expect(before["first_bad"] == .null)
        #expect(before["archives"] == 0)
        let again = try await kit.restarted()
        #expect(try await again.server.auditTrail.verify(for: again.admin()) == before)
    }

    // MARK: Taking it away

    @Test("an export ends with a signed checkpoint, and every line of it counts")
    func export() async throws {
        let kit = try await LegateKit.start()
        for _ in 0..<4 { try await kit.token(kit.planner) }
        let lines = try await export(kit)
        #expect(lines.count == Int(kit.auditCount) + 1)
        let whole = check(kit, lines)
        #expect(whole.valid)
        #expect(whole.checkpoint == .verified)
        for index in lines.indices.dropLast() {
            var shorter = lines
            shorter.remove(at: index)
            #expect(!check(kit, shorter).valid || index == 0, "line \(index) is missing")
            var changed = lines
            changed[index] = Array(
                String(decoding: lines[index], as: UTF8.self).replacing("planner", with: "plannes").utf8)
            if changed[index] != lines[index] { #expect(!check(kit, changed).valid, "line \(index) was changed") }
        }
        #expect(check(kit, Array(lines.dropLast())).checkpoint != .verified)
    }

    @Test("an export since a time begins there")
    func exportSince() async throws {
        let kit = try await LegateKit.start()
        try await kit.token(kit.planner)
        kit.clock.advance(seconds: 10)
        let since = kit.clock.time
        try await kit.token(kit.planner)
        try await kit.token(kit.planner)
        let lines = try await export(kit, since: since)
        #expect(lines.count == 3)
        #expect(check(kit, lines).valid)
        kit.clock.advance(seconds: 10)
        #expect(try await export(kit, since: kit.clock.time).count == 1)
    }

    // MARK: Retention

    @Test("old records move to archives and can still be found, traced and verified")
    func retention() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        for _ in 0..<20 { try await kit.token(kit.planner) }
        let count = kit.auditCount
        let upTo = try #require(try await kit.server.auditTrail.applyRetention(AuditRetention(age: nil, records: 10)))
        #expect(upTo == count - 9)
        #expect(try await kit.store.auditExtent().firstSequence == upTo + 1)
        #expect(try await kit.server.auditTrail.applyRetention(AuditRetention(age: nil, records: 10)) == nil)
        #expect(try await kit.records { $0.limit = 1000 }.count == Int(count))
        #expect(
            try await kit.server.auditTrail.trace(token.token.identity.jti, for: kit.admin())?["status"] == "active")
        let report = try await kit.server.auditTrail.verify(for: kit.admin())
        #expect(report["valid"] == true, "\(report.text)")
        #expect(report["records"] == .integer(count))
        #expect(report["archives"] == 1)
        #expect(check(kit, try await export(kit)).valid)
        let again = try await kit.restarted()
        #expect(try await again.server.auditTrail.verify(for: again.admin()) == report)
        #expect(check(again, try await export(again)).valid)
    }

    @Test("records move by age, and the newest always stays")
    func retentionByAge() async throws {
        let kit = try await LegateKit.start()
        try await kit.token(kit.planner)
        let retention = AuditRetention(age: 3600, records: nil)
        #expect(try await kit.server.auditTrail.applyRetention(retention) == nil)
        kit.clock.advance(seconds: 3601)
        #expect(try await kit.server.auditTrail.applyRetention(retention) == nil, "a tenth of slack")
        let old = kit.auditCount
        kit.clock.advance(seconds: 360)
        try await kit.token(kit.planner)
        try await kit.token(kit.planner)
        #expect(try await kit.server.auditTrail.applyRetention(retention) == old, "the young ones stay")
        #expect(try await kit.server.auditTrail.applyRetention(retention) == nil)
        #expect(try await kit.server.auditTrail.applyRetention(AuditRetention(age: nil, records: nil)) == nil)
        try await kit.token(kit.planner)
        #expect(try await kit.server.auditTrail.verify(for: kit.admin())["valid"] == true)
    }
}
