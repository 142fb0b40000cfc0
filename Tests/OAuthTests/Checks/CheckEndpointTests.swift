import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("Forward authentication")
struct CheckEndpointTests {
    private let feed = "revocations:read"

    @Test("a live token for the resource passes, with all that is known of it")
    func passes() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        let token = try await kit.act(by: kit.planner, scope: "calendar.read", with: ["agent_id": "p1"])
        let pass = try await kit.check(token.accessToken, resource: "calendar", scope: "calendar.read")
        #expect(pass.token == token.token)
        #expect(pass.token.identity.delegationID == delegation.id)
        #expect(pass.gateway == nil)
        let byURI = try await kit.check(token.accessToken, resource: World.calendar.text, as: kit.gateway)
        #expect(byURI.gateway == kit.gateway.id)
    }

    @Test("whatever is wrong with a token, the words are the same")
    func badTokens() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        let claims = try UnverifiedJWT(token).claims
        let foreign = try kit.corp.token(audience: kit.issuer)
        var words: Set<String> = []
        for text in [
            "x", "a.b.c", "..", String(token.dropLast(3)), token + "A", foreign,
            try TestKeys.stranger().sign(claims, type: "at+jwt"), String(repeating: "a", count: 9000),
        ] {
            let refusal = await kit.refusedCheck(.invalidToken, text, resource: "calendar")
            words.insert(refusal?.error.description ?? "")
        }
        #expect(words == ["the token is not valid here"])
    }

    @Test("a token for another resource is not good here, however it is named")
    func audience() async throws {
        let kit = try await LegateKit.start()
        let orders = try await kit.token(kit.planner, for: World.orders).accessToken
        await kit.refusedCheck(.invalidToken, orders, resource: "calendar")
        await kit.refusedCheck(.invalidToken, orders, resource: World.calendar.text, as: kit.gateway)
        _ = try await kit.check(orders, resource: "orders")
    }

    @Test("a token is good until the second of its end")
    func expiry() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        kit.clock.advance(seconds: 299)
        _ = try await kit.check(token, resource: "calendar")
        kit.clock.advance(seconds: 1)
        await kit.refusedCheck(.invalidToken, token, resource: "calendar")
    }

    @Test("every scope that the call needs must be in the token; without any the token is enough")
    func scopes() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        _ = try await kit.check(token, resource: "calendar")
        _ = try await kit.check(token, resource: "calendar", scope: "calendar.read calendar.read")
        let refusal = await kit.refusedCheck(
            .insufficientScope, token, resource: "calendar", scope: "calendar.read calendar.write")
        #expect(refusal?.scopes == World.scopes("calendar.read calendar.write"))
        #expect(refusal?.error.description == "the token lacks the scope calendar.write")
        await kit.refusedCheck(.insufficientScope, token, resource: "calendar", scope: "Calendar.read")
        await kit.refusedCheck(.request, token, resource: "calendar", scope: #"a"b"#)
    }

    @Test(
        "no token, another scheme: the agent has said nothing yet",
        arguments: [nil, "", "Basic YTpi", "Negotiate x", "bearerx y"])
    func noCredentials(header: String?) async throws {
        let kit = try await LegateKit.start()
        let refusal = await kit.refusedCheck(.noCredentials, header: header, resource: "calendar")
        #expect(refusal?.resource?.name == "calendar")
    }

    @Test("the word Bearer and anything but one token is a bad token", arguments: ["Bearer", "Bearer ", "bearer a b"])
    func malformed(header: String) async throws {
        let kit = try await LegateKit.start()
        await kit.refusedCheck(.invalidToken, header: header, resource: "calendar")
    }

    @Test("a resource must be named once, and known")
    func resources() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        for name in ["nothing", "https://nothing.example.com", "Calendar", "https://calendar.example.com/api/", "a b"] {
            let refusal = await kit.refusedCheck(.request, token, resource: name)
            #expect(refusal?.error.code == .invalidTarget)
        }
        await kit.refusedCheck(.request, token, resource: nil)
        let twice = try kit.checkRequest("Bearer \(token)", Form([("resource", "calendar"), ("resource", "orders")]))
        await #expect(throws: CheckRefusal.self) { try await kit.server.checkEndpoint.answer(twice) }
    }

    @Test("a gateway that names no resource asks for its only one, Legate's own not counted")
    func onlyResource() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        await kit.refusedCheck(.request, token, resource: nil, as: kit.gateway)
        let own = kit.server.registry.ownResources.revocations.uri
        try await kit.update(
            .client, "gateway",
            ["resources": [.string(own.text), .string(World.calendar.text)], "scopes": [.string(feed)]]
        )
        let pass = try await kit.check(token, resource: nil, as: kit.gateway)
        #expect(pass.token.audience == World.calendar)
    }

    @Test("a gateway may only ask about its own resources")
    func foreignResource() async throws {
        let kit = try await LegateKit.start()
        let tools = try await kit.token(kit.planner, for: World.tools).accessToken
        let refusal = await kit.refusedCheck(.gateway, tools, resource: "tools", as: kit.gateway)
        #expect(refusal?.error.code == .accessDenied)
        _ = try await kit.check(tools, resource: "tools")
    }

    @Test("wrong credentials of the gateway are refused, also when the token is good")
    func wrongGateway() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        let unknown = Party(World.id("nobody"), .basic("x"))
        for party in [kit.gateway.with(.basic("wrong")), unknown, kit.planner, kit.calendarAPI, kit.auditor] {
            let refusal = await kit.refusedCheck(.gateway, token, resource: "calendar", as: party)
            #expect(refusal?.error.code == .invalidClient)
            #expect(refusal?.error.description == "client authentication failed")
        }
        for header in ["", "Basic", "Bearer", "Bearer x", "Bearer \(token)", "Negotiate x"] {
            let refusal = await kit.refusedCheck(.gateway, token, resource: "calendar", gateway: header)
            #expect(refusal?.error.code == .invalidClient)
        }
        try await kit.update(.client, "gateway", ["enabled": false])
        await kit.refusedCheck(.gateway, token, resource: "calendar", as: kit.gateway)
    }

    @Test(
        "wrong credentials of the gateway are named by their own header",
        arguments: [
            ("Basic %%%", "the Legate-Gateway-Authorization header is not Basic credentials"),
            ("Negotiate x", "the Legate-Gateway-Authorization scheme is not one for clients"),
            ("Bearer", "Legate-Gateway-Authorization must be Basic with id and secret, or Bearer with a token"),
        ])
    func gatewayHeader(header: String, words: String) async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        let refusal = await kit.refusedCheck(.gateway, token, resource: "calendar", gateway: header)
        #expect(refusal?.error.description == words)
    }

    @Test("the log says in words why a token is not valid")
    func tokenDetail() async throws {
        let kit = try await LegateKit.start()
        let claims = try UnverifiedJWT(try await kit.token(kit.planner).accessToken).claims
        let forged = try TestKeys.stranger().sign(claims, type: "at+jwt")
        let refusal = await kit.refusedCheck(.invalidToken, forged, resource: "calendar")
        #expect(refusal?.error.detail == "not an access token of this server: its key is not known")
    }

    @Test("guessing a gateway's secret is slowed down")
    func throttled() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        for _ in 0..<10 {
            await kit.refusedCheck(.gateway, token, resource: "calendar", as: kit.gateway.with(.basic("wrong")))
        }
        let refusal = await kit.refusedCheck(.gateway, token, resource: "calendar", as: kit.gateway)
        #expect(refusal?.error.code == .slowDown)
    }

    @Test("a gateway may prove itself with a token of its own for Legate, and with no other")
    func gatewayToken() async throws {
        let kit = try await LegateKit.start()
        let own = kit.server.registry.ownResources.revocations.uri
        let reach: JSONObject = [
            "resources": [.string(World.calendar.text), .string(own.text)],
            "scopes": ["calendar.read", .string(feed)],
        ]
        try await kit.update(.client, "gateway", reach)
        try await kit.update(.client, "planner", reach)
        let token = try await kit.token(kit.planner, for: World.calendar).accessToken
        let good = try await kit.token(kit.gateway, for: own).accessToken
        let pass = try await kit.check(token, resource: nil, gateway: "Bearer \(good)")
        #expect(pass.gateway == kit.gateway.id)
        let seenElsewhere = try await kit.token(kit.gateway, for: World.calendar).accessToken
        let anAgents = try await kit.token(kit.planner, for: own).accessToken
        for other in [seenElsewhere, anAgents] {
            await kit.refusedCheck(.gateway, token, resource: "calendar", gateway: "Bearer \(other)")
        }
        try await kit.end(.client, "gateway")
        await kit.refusedCheck(.gateway, token, resource: "calendar", gateway: "Bearer \(good)")
    }

    @Test(
        "whatever is revoked, the next call is refused, and others go on",
        arguments: [Revocation.Kind.token, .client, .agent, .delegation, .task, .session, .subject, .issuer])
    func revoked(kind: Revocation.Kind) async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner)
        let names = ["agent_id": "p1", "task_id": "t1", "session_id": "s1"]
        let token = try await kit.act(by: kit.planner, with: names)
        let other = try await kit.token(kit.signer).accessToken
        _ = try await kit.check(token.accessToken, resource: "calendar")
        let identity = token.token.identity
        let id: String? =
            switch kind {
            case .token: identity.jti
            case .client: "planner"
            case .agent: identity.agentID
            case .delegation: delegation.id.text
            case .task: identity.task?.text
            case .session: identity.session?.text
            case .subject: identity.subject
            case .issuer: "corp"
            default: nil
            }
        try await kit.end(kind, try #require(id))
        await kit.refusedCheck(.invalidToken, token.accessToken, resource: "calendar")
        _ = try await kit.check(other, resource: "calendar")
    }

    @Test("a disabled resource, client or actor lets nothing pass")
    func disabled() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        try await kit.update(.resource, "calendar", ["enabled": false])
        await kit.refusedCheck(.invalidToken, token, resource: "calendar")
        try await kit.update(.resource, "calendar", ["enabled": true])
        _ = try await kit.check(token, resource: "calendar")
        try await kit.update(.client, "planner", ["enabled": false])
        await kit.refusedCheck(.invalidToken, token, resource: "calendar")
    }

    @Test("a revocation that enters the ledger before the call's record ends the call")
    func race() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        kit.store.hold()
        // Keeps the ledger busy, so that what follows waits in its order.
        async let busy = kit.server.ledger.commit(
            Entry(audit: [AuditEvent(timestamp: 1, name: .keyCreated, decision: .allow)]))
        try await kit.store.waitUntilHeld()
        async let revoked = kit.server.revocationDesk.revoke(
            ["kind": "token", "id": .string(token.token.identity.jti)], by: kit.admin())
        try await Task.sleep(for: .milliseconds(50))
        async let refusal = kit.refusedCheck(.invalidToken, token.accessToken, resource: "calendar")
        try await Task.sleep(for: .milliseconds(50))
        kit.store.release()
        _ = try await (busy, revoked)
        #expect(await refusal?.error.detail == "revoked")
        #expect(!(try await kit.records().contains { $0.event.name == .checkAllowed }))
    }

    // MARK: The audit trail

    @Test("an allowed call is one record, with the call, the token and the gateway")
    func allowedRecord() async throws {
        let kit = try await LegateKit.start()
        let delegation = try await kit.delegate(to: kit.planner, scopes: "tools.call", resources: [World.tools])
        try await kit.update(.client, "gateway", ["resources": [.string(World.tools.text)]])
        let names = ["agent_id": "p1", "task_id": "t1", "session_id": "s1"]
        let token = try await kit.act(by: kit.planner, at: World.tools, with: names)
        let count = kit.auditCount
        _ = try await kit.check(token.accessToken, resource: nil, scope: "tools.call", as: kit.gateway)
        #expect(kit.auditCount == count + 1)
        let event = try #require(try await kit.lastRecord()).event
        var expected = AuditEvent(timestamp: kit.clock.time.milliseconds, name: .checkAllowed, decision: .allow)
        expected.clientID = "planner"
        expected.agentID = "planner/p1"
        expected.delegatingUser = "corp|alice"
        expected.delegationID = delegation.id.text
        expected.sessionID = "planner/s1"
        expected.taskID = "planner/t1"
        expected.jti = token.token.identity.jti
        expected.resource = World.tools.text
        expected.apiEndpoint = "GET /events"
        expected.mcpServer = "tools"
        expected.scopeGranted = "tools.call"
        expected.policyEvaluation = .init(verdict: "permit", rule: "check", reason: nil)
        expected.requestID = event.requestID
        expected.target = "gateway/gateway"
        #expect(event == expected)
    }

    @Test("a denied call of a token of ours is one record of the same shape, with the rule and the reason")
    func deniedRecords() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner, scope: "calendar.read")
        let orders = try await kit.token(kit.planner, for: World.orders)
        func denied(_ rule: String, _ reason: String, of token: TokenResponse) async throws {
            let event = try #require(try await kit.lastRecord()).event
            var expected = AuditEvent(timestamp: kit.clock.time.milliseconds, name: .checkDenied, decision: .deny)
            expected.clientID = "planner"
            expected.agentID = "planner"
            expected.jti = token.token.identity.jti
            expected.resource = World.calendar.text
            expected.apiEndpoint = "GET /events"
            expected.scopeGranted = token.scope
            expected.policyEvaluation = .init(verdict: "refuse", rule: rule, reason: reason)
            expected.requestID = event.requestID
            #expect(event == expected)
        }
        await kit.refusedCheck(.insufficientScope, token.accessToken, resource: "calendar", scope: "calendar.write")
        try await denied("token_scope", "the token lacks the scope calendar.write", of: token)
        await kit.refusedCheck(.invalidToken, orders.accessToken, resource: "calendar")
        try await denied("token_audience", "the token is for \(World.orders)", of: orders)
        try await kit.end(.token, token.token.identity.jti)
        await kit.refusedCheck(.invalidToken, token.accessToken, resource: "calendar")
        try await denied("token_live", "revoked", of: token)
        kit.clock.advance(seconds: 301)
        await kit.refusedCheck(.invalidToken, token.accessToken, resource: "calendar")
        try await denied("token_live", "expired", of: token)
    }

    @Test("an authenticated gateway's denied call is a record even when no token of ours came with it")
    func gatewayRecords() async throws {
        let kit = try await LegateKit.start()
        for (header, rule) in [(nil, "bearer_credentials"), ("Bearer x", "token_live")] {
            let count = kit.auditCount
            await kit.refusedCheck(
                header == nil ? .noCredentials : .invalidToken, header: header, resource: "calendar", as: kit.gateway)
            #expect(kit.auditCount == count + 1)
            let event = try #require(try await kit.lastRecord()).event
            #expect(event.name == .checkDenied && event.decision == .deny)
            #expect(event.clientID == "gateway" && event.target == "gateway/gateway")
            #expect(event.resource == World.calendar.text)
            #expect(event.policyEvaluation?.rule == rule)
        }
        await kit.refusedCheck(.gateway, header: nil, resource: "tools", as: kit.gateway)
        #expect(try await kit.lastRecord()?.event.policyEvaluation?.rule == "gateway_resource")
        await kit.refusedCheck(.gateway, header: nil, resource: "calendar", as: kit.calendarAPI)
        let other = try #require(try await kit.lastRecord()).event
        #expect(other.clientID == "calendar-api" && other.policyEvaluation?.reason == "the client is not a gateway")
    }

    @Test("strangers leave nothing in the trail")
    func strangers() async throws {
        let kit = try await LegateKit.start()
        let count = kit.auditCount
        let forged = try TestKeys.stranger().sign(
            try UnverifiedJWT(try await kit.token(kit.planner).accessToken).claims, type: "at+jwt")
        await kit.refusedCheck(.noCredentials, header: nil, resource: "calendar")
        await kit.refusedCheck(.invalidToken, "garbage", resource: "calendar")
        await kit.refusedCheck(.invalidToken, forged, resource: "calendar")
        await kit.refusedCheck(.request, "garbage", resource: "nothing")
        await kit.refusedCheck(.gateway, "garbage", resource: "calendar", as: kit.gateway.with(.basic("wrong")))
        #expect(kit.auditCount == count + 1, "the token's own record, and no other")
    }

    @Test("allowed calls of a resource that only counts leave no record and need no disk; denied ones do")
    func counted() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.resource, "calendar", ["check_audit": "count"])
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        let count = kit.auditCount
        _ = try await kit.check(token, resource: "calendar", as: kit.gateway)
        #expect(kit.auditCount == count)
        await kit.refusedCheck(.insufficientScope, token, resource: "calendar", scope: "calendar.write")
        #expect(kit.auditCount == count + 1)
        kit.store.fail(true)
        _ = try await kit.check(token, resource: "calendar")
        let again = try await kit.restarted()
        #expect(again.server.registry.resource(named: "calendar")?.checkAudit == .count)
    }

    @Test("what cannot be recorded is not decided")
    func unavailable() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner, scope: "calendar.read").accessToken
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.check(token, resource: "calendar") }
        await #expect(throws: LedgerUnavailable.self) {
            try await kit.check(token, resource: "calendar", scope: "calendar.write")
        }
        kit.store.fail(false)
        _ = try await kit.check(token, resource: "calendar")
    }
}

extension LegateKit {
    func checkRequest(_ header: String?, _ form: Form, gateway: String? = nil) throws -> CheckRequest {
        CheckRequest(
            credentials: BearerCredentials(header), gatewayAuthorization: gateway, parameters: try form.parameters(),
            context: RequestContext(
                requestID: Unguessable.text(bytes: 10), traceID: nil, endpoint: "GET /events", peer: "192.0.2.7"
            )
        )
    }

    /// What a gateway asks about a call that came with a token.
    @discardableResult
    func check(
        _ token: String, resource: String?, scope: String? = nil, as party: Party? = nil, gateway: String? = nil
    ) async throws -> CheckPass {
        try await check(header: "Bearer \(token)", resource: resource, scope: scope, as: party, gateway: gateway)
    }

    @discardableResult
    func check(
        header: String?, resource: String?, scope: String? = nil, as party: Party? = nil, gateway: String? = nil
    ) async throws -> CheckPass {
        var form = Form()
        form.add("resource", resource)
        form.add("scope", scope)
        let proof = gateway ?? party.map { Form.basic($0.id.text, $0.secret ?? "") }
        return try await server.checkEndpoint.answer(try checkRequest(header, form, gateway: proof))
    }

    /// Expects that the call is refused like this.
    @discardableResult
    func refusedCheck(
        _ kind: CheckRefusal.Kind, _ token: String, resource: String?, scope: String? = nil, as party: Party? = nil,
        gateway: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async -> CheckRefusal? {
        await refusedCheck(
            kind, header: "Bearer \(token)", resource: resource, scope: scope, as: party, gateway: gateway,
            sourceLocation: sourceLocation
        )
    }

    @discardableResult
    func refusedCheck(
        _ kind: CheckRefusal.Kind, header: String?, resource: String?, scope: String? = nil, as party: Party? = nil,
        gateway: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async -> CheckRefusal? {
        do {
            try await check(header: header, resource: resource, scope: scope, as: party, gateway: gateway)
            Issue.record("the call passed", sourceLocation: sourceLocation)
            return nil
        } catch let refusal as CheckRefusal {
            #expect(refusal.kind == kind, "\(refusal.error.description)", sourceLocation: sourceLocation)
            return refusal
        } catch {
            Issue.record("failed in another way: \(error)", sourceLocation: sourceLocation)
            return nil
        }
    }
}
