import JOSE
import OAuth
import Support
import Testing

@Suite("Introspection")
struct IntrospectionTests {
    @Test("an active token's answer holds its claims and nothing else")
    func active() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner, scope: "calendar.read", with: ["task_id": "t"])
        let answer = try await kit.introspect(token.accessToken, by: kit.gateway)
        let claims = try UnverifiedJWT(token.accessToken).claims
        #expect(answer.members.map(\.name) == ["active"] + claims.members.map(\.name) + ["token_type"])
        #expect(answer["active"] == true)
        #expect(answer["token_type"] == "Bearer")
        for (name, value) in claims.members { #expect(answer[name] == value) }
    }

    @Test("who sees a token: its holder, its resource, the resource's gateway, an operator")
    func visibility() async throws {
        let kit = try await LegateKit.start()
        let calendar = try await kit.token(kit.planner).accessToken
        let tools = try await kit.token(kit.planner, for: World.tools).accessToken
        let orders = try await kit.token(kit.planner, for: World.orders).accessToken
        func seen(_ token: String) async throws -> [String] {
            var names: [String] = []
            for party in [
                kit.planner, kit.worker, kit.signer, kit.gateway, kit.calendarAPI, kit.auditor, kit.world.admin,
            ] {
                let answer = try await kit.introspect(token, by: party)
                if answer["active"] == true {
                    names.append(party.id.text)
                } else {
                    #expect(answer == ["active": false])
                }
            }
            return names
        }
        #expect(try await seen(calendar) == ["planner", "gateway", "calendar-api", "auditor", "operator"])
        #expect(try await seen(tools) == ["planner", "worker", "auditor", "operator"])
        #expect(try await seen(orders) == ["planner", "gateway", "auditor", "operator"])
    }

    @Test("an operator without tokens:read sees nothing of others")
    func operatorScope() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.client, "auditor", ["scopes": ["audit:read"]])
        let token = try await kit.token(kit.planner).accessToken
        #expect(try await kit.introspect(token, by: kit.auditor) == ["active": false])
    }

    @Test("whatever is wrong with a token, the answer is the same")
    func inactive() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        let stranger = try TestKeys.stranger().sign(try UnverifiedJWT(token).claims, type: "at+jwt")
        let foreign = try kit.corp.token(audience: kit.issuer)
        for text in [
            "x", "a.b.c", "....", stranger, foreign, String(token.dropLast()), token + "A",
            String(repeating: "a", count: 30_000),
        ] {
            #expect(try await kit.introspect(text, by: kit.auditor) == ["active": false])
        }
        kit.clock.advance(seconds: 299)
        #expect(try await kit.isActive(token))
        kit.clock.advance(seconds: 1)
        #expect(try await kit.introspect(token, by: kit.auditor) == ["active": false])
    }

    @Test("the caller must prove itself and name a token; token_type_hint changes nothing")
    func caller() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        await expectRefusal(.invalidClient) { try await kit.introspect(token, by: kit.gateway.with(.basic("wrong"))) }
        await expectRefusal(.invalidClient) { try await kit.introspect(token, by: kit.gateway.with(.none)) }
        await expectRefusal(.invalidRequest) { try await kit.introspect("", by: kit.gateway) }
        for hint in ["access_token", "refresh_token", "nonsense"] {
            let request = try kit.request(Form([("token", token), ("token_type_hint", hint)]), from: kit.gateway)
            #expect(try await kit.server.introspection.answer(request, from: .client).token != nil)
        }
    }

    @Test("introspection changes nothing, except that an assertion is spent")
    func noTrace() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.signer).accessToken
        let count = kit.auditCount
        for _ in 0..<3 { _ = try await kit.introspect(token, by: kit.gateway) }
        #expect(kit.auditCount == count)
        let assertion = try ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time
        ).parameters()
        func ask() async throws -> Introspection.Answer {
            var form = Form([("token", token)])
            form.add(assertion)
            return try await kit.server.introspection.answer(kit.request(form, authorization: nil), from: .client)
        }
        #expect(try await ask().token != nil)
        await expectRefusal(.invalidClient) { try await ask() }
    }

    @Test("a signed answer cannot be taken for an access token (RFC 9701)")
    func signed() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        let request = try kit.request(Form([("token", token)]), from: kit.gateway)
        let answer = try await kit.server.introspection.answer(request, from: .client)
        let jwt = try UnverifiedJWT(try kit.server.introspection.signed(answer))
        let verified = try jwt.verified(
            with: kit.server.keys.published(at: kit.clock.time), types: .exactly("token-introspection+jwt")
        )
        #expect(verified.claims.members.map(\.name) == ["iss", "aud", "iat", "token_introspection"])
        #expect(verified.claims["aud"] == "gateway")
        #expect(verified.claims["token_introspection"]?.object?["active"] == true)
        #expect(verified.claims["token_introspection"]?.object?["sub"] == "planner")
        let compact = try kit.server.introspection.signed(answer)
        #expect(try await kit.introspect(compact, by: kit.auditor) == ["active": false])
    }

    @Test("a token of a deleted client, of a disabled resource or of a revoked key is inactive")
    func withdrawn() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner).accessToken
        try await kit.update(.resource, "calendar", ["enabled": false])
        #expect(try await !kit.isActive(token))
        try await kit.update(.resource, "calendar", ["enabled": true])
        #expect(try await kit.isActive(token))
        try await kit.delete(.client, "planner")
        #expect(try await !kit.isActive(token))
    }
}
