import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Client secrets that end, and clients that replace their own")
struct ClientSecretDeskTests {
    @discardableResult
    private func rotate(
        _ kit: LegateKit, _ party: Party, grace: String? = nil
    ) async throws -> JSONObject {
        var form = Form()
        form.add("grace", grace)
        let request = try kit.request(form, from: party, to: "POST /clients/self/rotate-secret")
        return try await kit.server.clientSecretDesk.rotate(for: request).answer
    }

    private func next(_ answer: JSONObject, _ party: Party) throws -> Party {
        party.with(.basic(try #require(answer["client_secret"]?.string)))
    }

    private func agent(_ kit: LegateKit, lifetime: Int64) async throws -> Party {
        try await kit.createAgent(
            "brief", scopes: ["calendar.read"], resources: [World.calendar],
            with: ["secret_lifetime": .integer(lifetime)])
    }

    // MARK: Ending

    @Test("a secret with a lifetime ends with it: invalid_client like any other, and the trail says why")
    func ends() async throws {
        let kit = try await LegateKit.start()
        let party = try await agent(kit, lifetime: 3600)
        let end = kit.clock.time.adding(seconds: 3600)
        let document = try #require(kit.client(party.id)).document(at: kit.clock.time)
        #expect(document["client_secret_expires_at"]?.integer == end.seconds)
        kit.clock.advance(seconds: 3599)
        try await kit.token(party)
        kit.clock.advance(seconds: 1)
        let again = try await kit.restarted()
        let wrong = await expectRefusal(.invalidClient) { try await again.token(party.with(.basic("wrong"))) }
        let ended = await expectRefusal(.invalidClient) { try await again.token(party) }
        #expect(ended?.description == wrong?.description)
        let record = try #require(try await again.lastRecord())
        #expect(record.event.name == .tokenRefused && record.event.clientID == "brief")
        #expect(record.event.policyEvaluation?.rule == "client_secret_lifetime")
        #expect(record.event.policyEvaluation?.reason == "the client secret ended at \(RFC3339.text(end))")
    }

    @Test("whoever keeps trying a secret that has ended is slowed down like a stranger")
    func throttled() async throws {
        let kit = try await LegateKit.start()
        let party = try await agent(kit, lifetime: 60)
        kit.clock.advance(seconds: 60)
        for _ in 0..<FailureThrottle.failuresPerWindow {
            await expectRefusal(.invalidClient) { try await kit.token(party) }
        }
        let count = kit.auditCount
        await expectRefusal(.slowDown) { try await kit.token(party) }
        #expect(kit.auditCount == count)
    }

    @Test("the token answer warns in the last quarter of a secret's life, and always of one that was replaced")
    func warning() async throws {
        let kit = try await LegateKit.start()
        let party = try await agent(kit, lifetime: 4000)
        let end = kit.clock.time.adding(seconds: 4000)
        kit.clock.advance(seconds: 2999)
        #expect(try await kit.token(party).secretExpiresAt == nil)
        kit.clock.advance(seconds: 1)
        #expect(try await kit.token(party).secretExpiresAt == end)
        let (_, secret, ends) = try await kit.server.registrar.rotateSecret(
            of: party.id.text, grace: 100, by: kit.admin())
        #expect(try await kit.token(party).secretExpiresAt == ends)
        #expect(try await kit.token(party.with(.basic(secret))).secretExpiresAt == nil)
        #expect(try await kit.token(kit.planner).secretExpiresAt == nil)
    }

    @Test("a grace never outlives the secret's own end")
    func graceAndEnd() async throws {
        let kit = try await LegateKit.start()
        let party = try await agent(kit, lifetime: 100)
        let end = kit.clock.time.adding(seconds: 100)
        let (client, _, ends) = try await kit.server.registrar.rotateSecret(
            of: party.id.text, grace: 3600, by: kit.admin())
        #expect(ends == end && client.secrets.map(\.expiresAt) == [end, end])
    }

    @Test("another lifetime counts from the change; what has ended stays so")
    func lifetimes() async throws {
        let kit = try await LegateKit.start()
        let party = try await agent(kit, lifetime: 1000)
        kit.clock.advance(seconds: 500)
        try await kit.update(.client, "brief", ["owner": "somebody"])
        #expect(kit.client(party.id)?.secretExpiresAt == kit.clock.time.seconds + 500)
        try await kit.update(.client, "brief", ["secret_lifetime": 5000])
        #expect(kit.client(party.id)?.secretExpiresAt == kit.clock.time.seconds + 5000)
        try await kit.update(.client, "brief", ["secret_lifetime": .null])
        #expect(kit.client(party.id)?.secretExpiresAt == 0)
        try await kit.update(.client, "brief", ["secret_lifetime": 60])
        kit.clock.advance(seconds: 60)
        try await kit.update(.client, "brief", ["secret_lifetime": .null])
        await expectRefusal(.invalidClient) { try await kit.token(party) }
        let (_, secret, _) = try await kit.server.registrar.rotateSecret(of: "brief", grace: 600, by: kit.admin())
        try await kit.token(party.with(.basic(secret)))
        await expectRefusal(.invalidClient) { try await kit.token(party) }
    }

    @Test("a lifetime is for clients that have a secret, from a minute to ten years", arguments: [0, 59, 315_360_001])
    func ranges(_ bad: Int64) async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("secret_lifetime") { try await agent(kit, lifetime: bad) }
        await expectInvalid("secret_lifetime") { try await kit.update(.client, "signer", ["secret_lifetime": 3600]) }
    }

    // MARK: Replacing

    @Test(
        "a client replaces its own secret: the new one works, the old one until the grace is over, also after a restart"
    )
    func own() async throws {
        let kit = try await LegateKit.start()
        let answer = try await rotate(kit, kit.planner, grace: "60")
        let new = try next(answer, kit.planner)
        #expect(answer["client_id"]?.string == "planner" && answer["client_secret_expires_at"]?.integer == 0)
        #expect(answer["previous_secret_expires_at"]?.string == RFC3339.text(kit.clock.time.adding(seconds: 60)))
        let again = try await kit.restarted()
        try await again.token(kit.planner)
        try await again.token(new)
        again.clock.advance(seconds: 60)
        await expectRefusal(.invalidClient) { try await again.token(kit.planner) }
        try await again.token(new)
        let record = try #require(try await again.records().last { $0.event.name == .clientSecretRotated })
        #expect(record.event.clientID == "planner" && record.event.decision == .allow)
        #expect(record.event.apiEndpoint == "POST /clients/self/rotate-secret")
    }

    @Test("whoever lost the answer asks again with the old secret, until the new one was used")
    func lostAnswer() async throws {
        let kit = try await LegateKit.start()
        let lost = try next(try await rotate(kit, kit.planner), kit.planner)
        let ends = kit.client(kit.planner.id)?.secrets.last?.expiresAt
        kit.clock.advance(seconds: 100)
        let new = try next(try await rotate(kit, kit.planner), kit.planner)
        await expectRefusal(.invalidClient) { try await kit.token(lost) }
        #expect(kit.client(kit.planner.id)?.secrets.last?.expiresAt == ends)
        try await kit.token(new)
        await expectRefusal(.accessDenied) { try await rotate(kit, kit.planner) }
        try await kit.token(kit.planner)
        #expect(try await kit.lastRecord()?.event.name == .tokenIssued)
    }

    @Test("a restart forgets neither that the new secret was never used nor that it was")
    func afterRestart() async throws {
        let kit = try await LegateKit.start()
        _ = try await rotate(kit, kit.planner)
        let again = try await kit.restarted()
        let new = try next(try await rotate(again, kit.planner), kit.planner)
        try await again.token(new)
        let third = try await again.restarted()
        await expectRefusal(.accessDenied) { try await rotate(third, kit.planner) }
    }

    @Test("after an operator's rotation the old secret replaces nothing, used or not")
    func afterOperator() async throws {
        let kit = try await LegateKit.start()
        _ = try await kit.server.registrar.rotateSecret(of: "planner", grace: 3600, by: kit.admin())
        await expectRefusal(.accessDenied) { try await rotate(kit, kit.planner) }
        try await kit.token(kit.planner)
    }

    @Test("when the first use of a new secret cannot be recorded, it is not taken for one")
    func unrecorded() async throws {
        let kit = try await LegateKit.start()
        let new = try next(try await rotate(kit, kit.planner), kit.planner)
        kit.store.fail(true)
        await expectRefusal(.temporarilyUnavailable) { try await kit.token(new) }
        kit.store.fail(false)
        try await rotate(kit, kit.planner)
    }

    @Test("nobody replaces a secret without one: no token, no assertion, no wrong secret, no disabled client")
    func strangers() async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidClient) { try await rotate(kit, kit.planner.with(.basic("wrong"))) }
        await expectRefusal(.invalidClient) { try await rotate(kit, kit.planner.with(.none)) }
        await expectRefusal(.unauthorizedClient) { try await rotate(kit, kit.signer) }
        let token = try await kit.token(kit.planner).accessToken
        let request = try kit.request(Form(), authorization: "Bearer \(token)")
        await expectRefusal(.invalidClient) { try await kit.server.clientSecretDesk.rotate(for: request) }
        try await kit.update(.client, "planner", ["enabled": false])
        await expectRefusal(.invalidClient) { try await rotate(kit, kit.planner) }
        #expect(kit.client(kit.planner.id)?.secrets.count == 1)
    }

    @Test("a grace is whole seconds up to a day", arguments: ["-1", "86401", "1.5", "x", "99999999999999999999"])
    func graces(_ bad: String) async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidRequest) { try await rotate(kit, kit.planner, grace: bad) }
        let new = try next(try await rotate(kit, kit.planner, grace: "0"), kit.planner)
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }
        try await kit.token(new)
    }

    @Test("a secret that the vault keeps is replaced there too")
    func kept() async throws {
        let kit = try await LegateKit.start()
        try await kit.keepSecret(of: kit.planner, as: "clients/planner")
        await kit.rotateDue()
        let party = kit.planner.with(.basic(try await kit.read("clients/planner", as: kit.planner)))
        let new = try next(try await rotate(kit, party), party)
        #expect(try await kit.read("clients/planner", as: kit.planner) == new.secret)
        try await kit.token(new)
    }

    @Test("of two that replace the same secret at once, both answers are honest")
    func race() async throws {
        let kit = try await LegateKit.start()
        let parties = try await withThrowingTaskGroup(of: Party?.self) { group in
            for _ in 0..<2 {
                group.addTask { try? next(try await rotate(kit, kit.planner), kit.planner) }
            }
            return try await group.reduce(into: []) { $0 += $1.map { [$0] } ?? [] }
        }
        var working = 0
        for party in parties where (try? await kit.token(party)) != nil { working += 1 }
        #expect(working == 1)
    }
}
