import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("Token exchange")
struct TokenExchangeTests {
    private let everything = [World.calendar, World.orders, World.tools]

    /// Alice let the planner do this and that.
    private func delegated(
        scopes: String = "calendar.read orders.read tools.call", mayAct: [ClientID] = []
    ) async throws -> (LegateKit, Delegation) {
        let kit = try await LegateKit.start()
        return (kit, try await kit.delegate(to: kit.planner, scopes: scopes, resources: everything, mayAct: mayAct))
    }

    @Test("a user's token becomes one for the user, by the agent, under the delegation")
    func user() async throws {
        let (kit, delegation) = try await delegated()
        let response = try await kit.act(by: kit.planner, scope: "calendar.read", with: ["agent_id": "p1"])
        let json = try #require(try JSON(parsing: response.json).object)
        #expect(json.members.map(\.name) == ["access_token", "issued_token_type", "token_type", "expires_in", "scope"])
        #expect(json["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token")
        let claims = try UnverifiedJWT(response.accessToken).claims
        #expect(claims["sub"] == "corp|alice")
        #expect(claims["client_id"] == "planner")
        #expect(claims["delegation_id"] == .string(delegation.id.text))
        #expect(claims["act"] == .object(["sub": "planner", "agent_id": "planner/p1"]))
        #expect(claims["agent_id"] == "planner/p1")
        #expect(try await kit.isActive(response.accessToken))
    }

    @Test("the record says who, for whom, under what and from which token")
    func audited() async throws {
        let (kit, delegation) = try await delegated()
        let first = try await kit.act(
            by: kit.planner, at: World.tools, with: ["task_id": "t", "reason": "find a slot"])
        let foreign = try #require(try await kit.lastRecord()?.event)
        #expect(foreign.name == .tokenExchanged)
        #expect(foreign.delegatingUser == "corp|alice")
        #expect(foreign.delegationID == delegation.id.text)
        #expect(foreign.taskID == "planner/t")
        #expect(foreign.requestContext == "find a slot")
        #expect(foreign.mcpServer == "tools")
        #expect(foreign.parentJTI != nil)
        #expect(foreign.policyEvaluation?.rule == delegation.id.text)
        _ = try await kit.exchange(first.accessToken, by: kit.worker, for: World.orders)
        let second = try #require(try await kit.lastRecord()?.event)
        #expect(second.parentJTI == first.token.identity.jti)
        #expect(second.clientID == "worker")
        #expect(second.delegatingUser == "corp|alice")
        #expect(second.taskID == "planner/t")
    }

    @Test("each further hand adds a level to act and keeps subject, delegation, task and session")
    func chain() async throws {
        let (kit, delegation) = try await delegated()
        let first = try await kit.act(
            by: kit.planner, at: World.tools, with: ["agent_id": "p1", "task_id": "t", "session_id": "s"])
        let second = try await kit.exchange(
            first.accessToken, by: kit.worker, for: World.orders,
            with: ["agent_id": "w1", "task_id": "mine", "session_id": "mine"]
        )
        let claims = try UnverifiedJWT(second.accessToken).claims
        #expect(claims["sub"] == "corp|alice")
        #expect(claims["client_id"] == "worker")
        #expect(claims["aud"] == .string(World.orders.text))
        #expect(claims["scope"] == "orders.read")
        #expect(claims["delegation_id"] == .string(delegation.id.text))
        #expect(claims["txn"] == "planner/t")
        #expect(claims["sid"] == "planner/s")
        #expect(claims["agent_id"] == "worker/w1")
        #expect(
            claims["act"]
                == .object([
                    "sub": "worker", "agent_id": "worker/w1",
                    "act": .object(["sub": "planner", "agent_id": "planner/p1"]),
                ])
        )
    }

    @Test("a client that narrows its own token stays the same party")
    func own() async throws {
        let (kit, _) = try await delegated()
        let first = try await kit.act(by: kit.planner, with: ["agent_id": "p1"])
        let narrowed = try await kit.exchange(first.accessToken, by: kit.planner, scope: "calendar.read")
        #expect(narrowed.token.identity.actors == first.token.identity.actors)
        #expect(narrowed.token.identity.agentID == "planner/p1")
        await expectRefusal(.invalidRequest) {
            try await kit.exchange(first.accessToken, by: kit.planner, with: ["agent_id": "p2"])
        }
        let plain = try await kit.token(kit.planner)
        #expect(try await kit.exchange(plain.accessToken, by: kit.planner).token.identity.actors == nil)
    }

    @Test("scopes never grow: not beyond the token, the delegation, the client or the resource")
    func attenuation() async throws {
        let (kit, _) = try await delegated(scopes: "calendar.read tools.call")
        await expectRefusal(.invalidScope) { try await kit.act(by: kit.planner, scope: "calendar.write") }
        let narrow = try await kit.act(by: kit.planner, scope: "calendar.read")
        await expectRefusal(.invalidScope) {
            try await kit.exchange(narrow.accessToken, by: kit.planner, scope: "calendar.write")
        }
        await expectRefusal(.invalidTarget) {
            try await kit.exchange(narrow.accessToken, by: kit.planner, for: World.payroll)
        }
        #expect(try await kit.exchange(narrow.accessToken, by: kit.planner).scope == "calendar.read")
        await expectRefusal(.invalidScope) {
            try await kit.exchange(narrow.accessToken, by: kit.planner, for: World.orders)
        }
    }

    @Test("an operator's mapping turns a scope at the worker's own resource into one downstream, below the delegation")
    func mapping() async throws {
        let (kit, _) = try await delegated()
        let call = try await kit.act(by: kit.planner, at: World.tools, scope: "tools.call")
        #expect(try await kit.exchange(call.accessToken, by: kit.worker, for: World.orders).scope == "orders.read")
        await expectRefusal(.invalidScope) {
            try await kit.exchange(call.accessToken, by: kit.worker, for: World.orders, scope: "orders.write")
        }
        await expectRefusal(.invalidScope) {
            try await kit.exchange(call.accessToken, by: kit.worker, for: World.calendar)
        }
        let list = try await kit.token(kit.planner, for: World.tools, scope: "tools.list")
        await expectRefusal(.invalidScope) {
            try await kit.exchange(list.accessToken, by: kit.worker, for: World.orders)
        }

        let (other, _) = try await delegated(scopes: "tools.call")
        let ceiling = try await other.act(by: other.planner, at: World.tools)
        await expectRefusal(.invalidScope) {
            try await other.exchange(ceiling.accessToken, by: other.worker, for: World.orders)
        }
    }

    @Test("the mapping holds only for tokens addressed to the worker's own resource")
    func mappingNeedsAudience() async throws {
        let kit = try await LegateKit.start()
        let own = try await kit.token(kit.worker, for: World.calendar)
        await expectRefusal(.invalidScope) {
            try await kit.exchange(own.accessToken, by: kit.worker, for: World.orders)
        }
    }

    @Test("the result lives no longer than the subject token, the actor token and the delegation")
    func lifetime() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.planner, expiresIn: 200)
        #expect(try await kit.act(by: kit.planner).expiresIn == 200)
        let short = try kit.corp.token(audience: kit.issuer, lifetime: 20)
        let first = try await kit.exchange(short, by: kit.planner, type: .idToken)
        #expect(first.expiresIn == 20)
        kit.clock.advance(seconds: 5)
        #expect(try await kit.exchange(first.accessToken, by: kit.planner).expiresIn == 15)
        kit.clock.advance(seconds: 15)
        await expectRefusal(.invalidRequest) { try await kit.exchange(first.accessToken, by: kit.planner) }
    }

    @Test("exchanging again and again wins no second of life and no scope")
    func loop() async throws {
        let (kit, _) = try await delegated()
        var token = try await kit.act(by: kit.planner, scope: "calendar.read")
        let end = token.token.expiresAt
        for _ in 0..<8 {
            kit.clock.advance(seconds: 30)
            token = try await kit.exchange(token.accessToken, by: kit.planner)
            #expect(token.token.expiresAt == end)
            #expect(token.scope == "calendar.read")
            #expect(token.token.identity.actors?.depth == 1)
        }
    }

    @Test("a revoked, a disabled and an expired parent are refused")
    func deadParents() async throws {
        let (kit, delegation) = try await delegated()
        let token = try await kit.act(by: kit.planner, at: World.tools)
        try await kit.end(.token, token.token.identity.jti)
        await expectRefusal(.invalidRequest) { try await kit.exchange(token.accessToken, by: kit.planner) }
        let second = try await kit.act(by: kit.planner, at: World.tools)
        try await kit.update(.client, "planner", ["enabled": false])
        kit.clock.nextSecond()
        await expectRefusal(.invalidRequest) {
            try await kit.exchange(second.accessToken, by: kit.worker, for: World.orders)
        }
        try await kit.update(.client, "planner", ["enabled": true])
        await expectRefusal(.invalidRequest) {
            try await kit.exchange(second.accessToken, by: kit.worker, for: World.orders)
        }
        let third = try await kit.act(by: kit.planner, at: World.tools)
        try await kit.revokeDelegation(delegation.id)
        await expectRefusal(.invalidRequest) {
            try await kit.exchange(third.accessToken, by: kit.worker, for: World.orders)
        }
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
    }

    @Test("the first exchange under a rule makes a delegation, the second uses it")
    func rule() async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        let rule = try await kit.allow(kit.planner, with: ["group": "staff", "max_ttl": 3600])
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        let staff = try kit.corp.token(audience: kit.issuer, claims: ["groups": ["all", "staff"]])
        let first = try await kit.exchange(staff, by: kit.planner, type: .idToken)
        let id = try #require(first.token.identity.delegationID)
        let made = try #require(kit.server.registry.delegation(id))
        #expect(made.ruleID == rule.id)
        #expect(made.expiresAt == kit.clock.time.adding(seconds: 3600))
        let records = try await kit.records { $0.delegationID = id.text }
        #expect(records.map(\.event.name) == [.delegationCreated, .tokenExchanged])
        #expect(records.last?.event.policyEvaluation?.rule == rule.id.text)
        #expect(try await kit.act(by: kit.planner).token.identity.delegationID == id)
        #expect(try await kit.restarted().server.registry.delegation(id) == made)
    }

    @Test("many first exchanges at once make one delegation, so that revoking it ends them all")
    func ruleAtOnce() async throws {
        let kit = try await LegateKit.start()
        try await kit.allow(kit.planner)
        let tokens = try await withThrowingTaskGroup(of: TokenResponse.self) { group in
            for _ in 0..<20 { group.addTask { try await kit.act(by: kit.planner) } }
            return try await group.reduce(into: [TokenResponse]()) { $0.append($1) }
        }
        let ids = Set(tokens.compactMap(\.token.identity.delegationID))
        #expect(ids.count == 1)
        #expect(try await kit.records().filter { $0.event.name == .delegationCreated }.count == 1)
        try await kit.revokeDelegation(try #require(ids.first))
        for token in tokens { #expect(try await !kit.isActive(token.accessToken)) }
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
    }

    @Test("a delegation that a rule made can be narrowed, and the rule does not widen it again")
    func ruleNarrowed() async throws {
        let kit = try await LegateKit.start()
        try await kit.allow(kit.planner, scopes: "calendar.read calendar.write", with: ["max_ttl": 600])
        let id = try #require(try await kit.act(by: kit.planner).token.identity.delegationID)
        try await kit.update(.delegation, id.text, ["scopes": ["calendar.read"]])
        await expectRefusal(.invalidScope) { try await kit.act(by: kit.planner, scope: "calendar.write") }
        #expect(try await kit.act(by: kit.planner).scope == "calendar.read")
        kit.clock.advance(seconds: 600)
        #expect(try await kit.act(by: kit.planner).scope == "calendar.read calendar.write")
    }

    @Test("revoking the delegation that a rule made bars the rule for this user and no other")
    func revokedBarsRule() async throws {
        let kit = try await LegateKit.start()
        try await kit.allow(kit.planner)
        let id = try #require(try await kit.act(by: kit.planner).token.identity.delegationID)
        try await kit.revokeDelegation(id)
        let error = await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        #expect(error?.description == "the delegation of this user to this client was revoked")
        try await kit.act(for: "bob", by: kit.planner)
        let again = try await kit.restarted()
        await expectRefusal(.invalidRequest) { try await again.act(by: again.planner) }
        try await again.delegate(to: again.planner)
        try await again.act(by: again.planner)
    }

    @Test("a delegation can be named, and only one that is this user's to this client")
    func named() async throws {
        let (kit, wide) = try await delegated()
        kit.clock.advance(seconds: 1)
        let narrow = try await kit.delegate(to: kit.planner, scopes: "calendar.read")
        #expect(try await kit.act(by: kit.planner).token.identity.delegationID == narrow.id)
        #expect(
            try await kit.act(by: kit.planner, with: ["delegation_id": wide.id.text]).token.identity.delegationID
                == wide.id)
        let bobs = try await kit.delegate(from: "bob", to: kit.planner)
        let workers = try await kit.delegate(to: kit.worker)
        for id in [bobs.id.text, workers.id.text, "dlg_unknown", "é"] {
            await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner, with: ["delegation_id": id]) }
        }
    }

    @Test("two delegations are never put together")
    func noUnion() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.planner, scopes: "calendar.read")
        try await kit.delegate(to: kit.planner, scopes: "calendar.write")
        await expectRefusal(.invalidScope) { try await kit.act(by: kit.planner, scope: "calendar.read calendar.write") }
        try await kit.act(by: kit.planner, scope: "calendar.read")
        try await kit.act(by: kit.planner, scope: "calendar.write")
    }

    @Test("may_act with one name is in the token; the list is enforced for any number")
    func mayAct() async throws {
        let (kit, _) = try await delegated(mayAct: [World.id("worker")])
        let one = try await kit.act(by: kit.planner, at: World.tools)
        #expect(try UnverifiedJWT(one.accessToken).claims["may_act"] == .object(["sub": "worker"]))
        try await kit.exchange(one.accessToken, by: kit.worker, for: World.orders)

        let (other, _) = try await delegated(mayAct: [World.id("signer"), World.id("gateway")])
        let two = try await other.act(by: other.planner, at: World.tools)
        #expect(try UnverifiedJWT(two.accessToken).claims["may_act"] == nil)
        let error = await expectRefusal(.invalidRequest) {
            try await other.exchange(two.accessToken, by: other.worker, for: World.orders)
        }
        #expect(error?.rule == "presenter_entitled")
    }

    @Test("a user's token with may_act is for the client that it names")
    func foreignMayAct() async throws {
        let (kit, _) = try await delegated()
        let named = try kit.corp.token(audience: kit.issuer, claims: ["may_act": .object(["sub": "planner"])])
        try await kit.exchange(named, by: kit.planner, type: .idToken)
        let other = try kit.corp.token(audience: kit.issuer, claims: ["may_act": .object(["sub": "worker"])])
        await expectRefusal(.invalidRequest) { try await kit.exchange(other, by: kit.planner, type: .idToken) }
    }

    @Test("five levels of act are allowed, a sixth is refused")
    func depth() async throws {
        let kit = try await LegateKit.start()
        var parties: [Party] = []
        for level in 1...6 {
            let uri = "https://hop\(level).example.com"
            try await kit.create(
                .resource, ["resource": .string(uri), "name": .string("hop\(level)"), "scopes": ["go"]])
        }
        let hops = (1...6).map { World.uri("https://hop\($0).example.com") }
        for level in 1...6 {
            parties.append(
                try await kit.createAgent(
                    "hop-\(level)", scopes: ["go"], resources: hops, grants: ["token_exchange", "client_credentials"],
                    with: level == 1 ? [:] : ["acts_as": .string(hops[level - 2].text)]
                )
            )
        }
        try await kit.delegate(to: parties[0], scopes: "go", resources: hops)
        var token = try await kit.act(by: parties[0], at: hops[0])
        for level in 1..<5 { token = try await kit.exchange(token.accessToken, by: parties[level], for: hops[level]) }
        #expect(token.token.identity.actors?.depth == 5)
        #expect(try await kit.isActive(token.accessToken))
        let error = await expectRefusal(.invalidRequest) {
            try await kit.exchange(token.accessToken, by: parties[5], for: hops[5])
        }
        #expect(error?.rule == "chain_intact")
    }

    @Test("an actor token must prove the client that is authenticated anyway")
    func actorToken() async throws {
        let (kit, _) = try await delegated()
        let own = try await kit.token(kit.planner)
        let type = TokenType.accessToken.rawValue
        let response = try await kit.act(
            by: kit.planner, with: ["actor_token": own.accessToken, "actor_token_type": type])
        #expect(response.token.identity.actors?.depth == 1)
        let workers = try await kit.token(kit.worker, for: World.orders)
        let delegatedToken = try await kit.act(by: kit.planner)
        let users = try kit.corp.token(audience: kit.issuer)
        for token in [workers.accessToken, delegatedToken.accessToken, users, "rubbish"] {
            await expectRefusal(.invalidRequest) {
                try await kit.act(by: kit.planner, with: ["actor_token": token, "actor_token_type": type])
            }
        }
        await expectRefusal(.invalidRequest) {
            try await kit.act(by: kit.planner, with: ["actor_token": own.accessToken])
        }
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner, with: ["actor_token_type": type]) }
        await expectRefusal(.invalidRequest) {
            try await kit.act(
                by: kit.planner, with: ["actor_token": own.accessToken, "actor_token_type": TokenType.idToken.rawValue])
        }
    }

    @Test("an actor token bounds the life of the result, and dies like any other")
    func actorTokenLife() async throws {
        let (kit, _) = try await delegated()
        let own = try await kit.token(kit.planner)
        let actor = ["actor_token": own.accessToken, "actor_token_type": TokenType.accessToken.rawValue]
        kit.clock.advance(seconds: 100)
        #expect(try await kit.act(by: kit.planner, with: actor).expiresIn == 200)
        try await kit.end(.token, own.token.identity.jti)
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner, with: actor) }
    }

    @Test("types of tokens are what they say")
    func types() async throws {
        let (kit, _) = try await delegated()
        let own = try await kit.token(kit.planner)
        let user = try kit.corp.token(audience: kit.issuer)
        for type in [TokenType.idToken, .jwt, .accessToken] {
            try await kit.exchange(user, by: kit.planner, type: type)
        }
        for type in [TokenType.accessToken, .jwt] {
            try await kit.exchange(own.accessToken, by: kit.planner, type: type)
        }
        await expectRefusal(.invalidRequest) {
            try await kit.exchange(own.accessToken, by: kit.planner, type: .idToken)
        }
        for type in [
            "urn:ietf:params:oauth:token-type:refresh_token", "urn:ietf:params:oauth:token-type:saml2", "access_token",
        ] {
            await expectRefusal(.invalidRequest) {
                try await kit.exchange(user, by: kit.planner, type: TokenType(rawValue: type))
            }
        }
        try await kit.act(by: kit.planner, with: ["requested_token_type": TokenType.accessToken.rawValue])
        for type in [TokenType.jwt, .idToken] {
            await expectRefusal(.invalidRequest) {
                try await kit.act(by: kit.planner, with: ["requested_token_type": type.rawValue])
            }
        }
    }

    @Test("a token that is no JWT is refused with the reason", arguments: ["subject", "actor"])
    func noJWT(role: String) async throws {
        let (kit, _) = try await delegated()
        let own = try await kit.token(kit.planner).accessToken
        let long = String(repeating: "a", count: 40_000)
        let error = await expectRefusal(.invalidRequest) {
            try await kit.exchange(
                role == "subject" ? long : own, by: kit.planner,
                with: ["actor_token": role == "actor" ? long : own, "actor_token_type": TokenType.accessToken.rawValue])
        }
        #expect(error?.description == "the \(role) token is not a JWT as it must be: it is longer than 16384 bytes")
        #expect(error?.rule == "\(role)_token")
    }

    @Test("a subject token is required, with its type")
    func incomplete() async throws {
        let (kit, _) = try await delegated()
        let user = try kit.corp.token(audience: kit.issuer)
        for form in [
            Form([("subject_token", user)]), Form([("subject_token_type", TokenType.idToken.rawValue)]), Form(),
        ] {
            var form = form
            form.add("grant_type", GrantType.tokenExchange.rawValue)
            form.add("resource", World.calendar.text)
            await expectRefusal(.invalidRequest) {
                try await kit.server.tokenEndpoint.respond(to: kit.request(form, from: kit.planner))
            }
        }
    }

    @Test("a token that only looks like ours is refused", arguments: ["signature", "type", "issuer", "none"])
    func forged(how: String) async throws {
        let (kit, _) = try await delegated()
        let own = try await kit.token(kit.planner)
        let claims = try UnverifiedJWT(own.accessToken).claims
        let stranger = try TestKeys.stranger()
        let parts = own.accessToken.split(separator: ".").map(String.init)
        let forged =
            switch how {
            case "signature": try stranger.sign(claims, type: "at+jwt")
            case "type": try #require(kit.server.keys.active(.es256, at: kit.clock.time)).sign(claims, type: "JWT")
            case "issuer":
                try stranger.sign(claims.merging(patch: ["iss": "https://auth.example.com/"]), type: "at+jwt")
            default: Base64URL.encode(Array(#"{"alg":"none","typ":"at+jwt"}"#.utf8)) + "." + parts[1] + "."
            }
        await expectRefusal(.invalidRequest) { try await kit.exchange(forged, by: kit.planner) }
    }
}
