import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("The revocation endpoint")
struct RevocationEndpointTests {
    @Test("a client ends its own token, durably")
    func own() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        let other = try await kit.token(kit.planner)
        try await kit.revoke(token.accessToken, by: kit.planner)
        #expect(try await !kit.isActive(token.accessToken))
        #expect(try await kit.isActive(other.accessToken))
        let event = try #require(try await kit.lastRecord()?.event)
        #expect(event.name == .tokenRevoked)
        #expect(event.jti == token.token.identity.jti)
        #expect(event.target == "token/\(token.token.identity.jti)")
        #expect(try await !kit.restarted().isActive(token.accessToken))
    }

    @Test("another client's token lives on, and the attempt is in the trail")
    func others() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        for party in [kit.worker, kit.gateway, kit.calendarAPI, kit.auditor] {
            await expectRefusal(.invalidGrant) { try await kit.revoke(token.accessToken, by: party) }
            let event = try #require(try await kit.lastRecord()?.event)
            #expect(event.name == .tokenRevoked)
            #expect(event.decision == .deny)
            #expect(event.clientID == party.id.text)
        }
        #expect(try await kit.isActive(token.accessToken))
    }

    @Test("a token that is unknown, broken, expired or dead already is no error and no record")
    func harmless() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        try await kit.revoke(token.accessToken, by: kit.planner)
        let count = kit.auditCount
        try await kit.revoke(token.accessToken, by: kit.planner)
        let forged = String(token.accessToken.dropLast(4)) + "AAAA"
        for text in ["x", "a.b.c", forged, String(repeating: "a", count: 20_000)] {
            try await kit.revoke(text, by: kit.planner)
        }
        kit.clock.advance(seconds: 300)
        try await kit.revoke(token.accessToken, by: kit.planner)
        #expect(kit.auditCount == count)
    }

    @Test("a client must prove itself, and name a token")
    func authentication() async throws {
        let kit = try await LegateKit.start()
        let token = try await kit.token(kit.planner)
        await expectRefusal(.invalidClient) {
            try await kit.revoke(token.accessToken, by: kit.planner.with(.basic("wrong")))
        }
        await expectRefusal(.invalidClient) { try await kit.revoke(token.accessToken, by: kit.planner.with(.none)) }
        await expectRefusal(.invalidRequest) { try await kit.revoke("", by: kit.planner) }
        #expect(try await kit.isActive(token.accessToken))
    }

    @Test("an assertion is spent here as everywhere")
    func assertion() async throws {
        let kit = try await LegateKit.start()
        let assertion = try ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time
        ).parameters()
        func revoke() async throws {
            var form = Form([("token", "x")])
            form.add(assertion)
            try await kit.server.revocationEndpoint.respond(
                to: kit.request(form, authorization: nil, to: "POST /revoke"))
        }
        try await revoke()
        await expectRefusal(.invalidClient) { try await revoke() }
        await expectRefusal(.invalidClient) { try await kit.token(kit.signer.with(.none), with: assertion) }
    }

    @Test("a token that was made from a revoked one lives on: it carries another jti")
    func noCascade() async throws {
        let kit = try await LegateKit.start()
        let parent = try await kit.token(kit.planner)
        let child = try await kit.exchange(parent.accessToken, by: kit.planner)
        try await kit.revoke(parent.accessToken, by: kit.planner)
        #expect(try await kit.isActive(child.accessToken))
        await expectRefusal(.invalidRequest) { try await kit.exchange(parent.accessToken, by: kit.planner) }
    }
}
