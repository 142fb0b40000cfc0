import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("The token endpoint")
struct TokenEndpointTests {
    @Test("an answer holds what it must, and the token says the same")
    func answer() async throws {
        let kit = try await LegateKit.start()
        let response = try await kit.token(
            kit.planner, scope: "calendar.read", with: ["agent_id": "p1", "task_id": "t", "session_id": "s"])
        let json = try #require(try JSON(parsing: response.json).object)
        #expect(json.members.map(\.name) == ["access_token", "token_type", "expires_in", "scope"])
        #expect(json["token_type"] == "Bearer")
        #expect(json["expires_in"] == 300)
        #expect(json["scope"] == "calendar.read")

        let jwt = try UnverifiedJWT(response.accessToken)
        #expect(jwt.header.type == "at+jwt")
        #expect(jwt.header.algorithm == .es256)
        let claims = jwt.claims
        #expect(
            claims.members.map(\.name) == [
                "iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope", "agent_id", "txn", "sid",
            ]
        )
        #expect(claims["iss"] == .string(kit.issuer.text))
        #expect(claims["sub"] == "planner")
        #expect(claims["aud"] == .string(World.calendar.text))
        #expect(claims["client_id"] == "planner")
        #expect(claims["iat"] == .integer(kit.clock.time.seconds))
        #expect(claims["exp"] == .integer(kit.clock.time.seconds + 300))
        #expect(claims["agent_id"] == "planner/p1")
        #expect(claims["txn"] == "planner/t")
        #expect(claims["sid"] == "planner/s")
        #expect(try await kit.isActive(response.accessToken))
    }

    @Test("the audit record is durable before the answer leaves, and holds no token")
    func audited() async throws {
        let kit = try await LegateKit.start()
        let response = try await kit.token(
            kit.planner, scope: "calendar.read", with: ["reason": "weekly report", "task_id": "t"])
        let record = try #require(try await kit.restarted().lastRecord())
        let event = record.event
        #expect(event.name == .tokenIssued)
        #expect(event.decision == .allow)
        #expect(event.clientID == "planner")
        #expect(event.agentID == "planner")
        #expect(event.jti == response.token.identity.jti)
        #expect(event.resource == World.calendar.text)
        #expect(event.scopeGranted == "calendar.read")
        #expect(event.tokenTTL == 300)
        #expect(event.taskID == "planner/t")
        #expect(event.requestContext == "weekly report")
        #expect(event.apiEndpoint == "POST /token")
        #expect(event.traceID == "0af7651916cd43dd8448eb211c80319c")
        #expect(event.policyEvaluation == .init(verdict: "permit", rule: "client_registration", reason: nil))
        let line = String(decoding: record.jsonLine(), as: UTF8.self)
        #expect(!line.contains(response.accessToken))
        #expect(!line.contains(try #require(kit.planner.secret)))
    }

    @Test("a refusal after authentication is in the trail in the same shape")
    func refusalAudited() async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidScope) {
            try await kit.token(
                kit.planner, scope: "calendar.admin", with: ["reason": "because", "task_id": "t", "agent_id": "p1"])
        }
        let event = try #require(try await kit.lastRecord()?.event)
        #expect(event.name == .tokenRefused)
        #expect(event.decision == .deny)
        #expect(event.clientID == "planner")
        #expect(event.agentID == "planner/p1")
        #expect(event.taskID == "planner/t")
        #expect(event.resource == World.calendar.text)
        #expect(event.requestContext == "because")
        #expect(event.jti == nil)
        #expect(event.policyEvaluation?.verdict == "refuse")
        #expect(event.policyEvaluation?.rule == "scope_attenuation")
        #expect(event.policyEvaluation?.reason?.contains("calendar.admin") == true)
    }

    @Test("what a stranger sends is not in the trail: he must not fill the disk")
    func strangersAreNotAudited() async throws {
        let kit = try await LegateKit.start()
        let before = kit.auditCount
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner.with(.basic("wrong"))) }
        await expectRefusal(.invalidClient) { try await kit.token(Party(World.id("nobody"), .basic("wrong"))) }
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner.with(.none)) }
        await expectRefusal(.unsupportedGrantType) {
            try await kit.server.tokenEndpoint.respond(
                to: kit.request(Form([("grant_type", "password")]), from: kit.planner))
        }
        #expect(kit.auditCount == before)
    }

    @Test("a disabled client that proves itself is no stranger: its refusal is in the trail, and does not slow it down")
    func disabledClientAudited() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.client, "planner", ["enabled": false])
        let before = kit.auditCount
        for _ in 0..<11 {
            let error = await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }
            #expect(error?.description == "client authentication failed")
        }
        #expect(kit.auditCount == before + 11)
        let event = try #require(try await kit.lastRecord()?.event)
        #expect(event.name == .tokenRefused)
        #expect(event.clientID == "planner")
        #expect(event.policyEvaluation?.reason == "the client is disabled")
    }

    @Test("a grant that the client is not registered for is refused, and audited")
    func unauthorizedClient() async throws {
        let kit = try await LegateKit.start()
        let error = await expectRefusal(.unauthorizedClient) { try await kit.act(by: kit.gateway) }
        #expect(error?.rule == "unauthorized_client")
        #expect(try await kit.lastRecord()?.event.policyEvaluation?.rule == "unauthorized_client")
    }

    @Test(
        "a grant type that does not exist here is refused by its name",
        arguments: ["password", "authorization_code", "implicit", "token_exchange", "CLIENT_CREDENTIALS"])
    func unsupported(grant: String) async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.unsupportedGrantType) {
            try await kit.server.tokenEndpoint.respond(
                to: kit.request(Form([("grant_type", grant)]), from: kit.planner))
        }
        await expectRefusal(.invalidRequest) {
            try await kit.server.tokenEndpoint.respond(to: kit.request(Form(), from: kit.planner))
        }
    }

    @Test("a refused request spends nothing: the same assertion works when the mistake is mended")
    func refusalSpendsNothing() async throws {
        let kit = try await LegateKit.start()
        let assertion = try ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time
        ).parameters()
        await expectRefusal(.invalidScope) {
            try await kit.token(kit.signer.with(.none), scope: "nothing.like.it", with: assertion)
        }
        try await kit.token(kit.signer.with(.none), scope: "calendar.read", with: assertion)
    }

    @Test("an assertion is good for one token, also across a restart")
    func replay() async throws {
        let kit = try await LegateKit.start()
        let assertion = try ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time
        ).parameters()
        try await kit.token(kit.signer.with(.none), with: assertion)
        let error = await expectRefusal(.invalidClient) { try await kit.token(kit.signer.with(.none), with: assertion) }
        #expect(error?.description.hasPrefix("the client assertion was used before") == true)
        let again = try await kit.restarted()
        await expectRefusal(.invalidClient) { try await again.token(again.signer.with(.none), with: assertion) }
        #expect(try await again.records { $0.decision = .allow }.filter { $0.event.name == .tokenIssued }.count == 1)
    }

    @Test("of many requests with one assertion exactly one gets a token")
    func replayAtOnce() async throws {
        let kit = try await LegateKit.start()
        let assertion = try ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time
        ).parameters()
        let issued = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask { (try? await kit.token(kit.signer.with(.none), with: assertion)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(issued == 1)
    }

    @Test("when the record cannot be written no token leaves, and nothing is spent")
    func storageFails() async throws {
        let kit = try await LegateKit.start()
        let assertion = try ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time
        ).parameters()
        let before = kit.auditCount
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.token(kit.signer.with(.none), with: assertion) }
        await #expect(throws: LedgerUnavailable.self) { try await kit.token(kit.planner, scope: "not.granted") }
        #expect(!kit.server.ledger.isHealthy)
        kit.store.fail(false)
        try await kit.token(kit.signer.with(.none), with: assertion)
        #expect(kit.server.ledger.isHealthy)
        #expect(kit.auditCount == before + 1)
    }

    @Test("a token asked for in the second of a revocation is of the next second, and lives")
    func sameSecond() async throws {
        let kit = try await LegateKit.start()
        kit.clock.advance(.milliseconds(800))
        kit.clock.run()
        let old = try await kit.token(kit.planner)
        let draft: JSONObject = ["kind": "client", "id": "planner"]
        let tombstone = try await kit.server.revocationDesk.revoke(draft, by: kit.admin())
        let new = try await kit.token(kit.planner)
        #expect(old.token.identity.issuedAt <= tombstone.issuedBefore)
        #expect(new.token.identity.issuedAt > tombstone.issuedBefore)
        #expect(try await !kit.isActive(old.accessToken))
        #expect(try await kit.isActive(new.accessToken))
    }
}
