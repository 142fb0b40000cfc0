import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Canaries")
struct CanaryTests {
    private func plant(_ kit: LegateKit, _ kind: Canary.Kind, in place: String = "the wiki") async throws
        -> (canary: Canary, lookAlike: LookAlike)
    {
        try await kit.server.canaryDesk.plant(
            ["kind": .string(kind.rawValue), "where": .string(place)], by: kit.keeper()
        )
    }

    private func sightings(_ kit: LegateKit) async throws -> [AuditEvent] {
        // Nobody waits for the record, so the test has to.
        let head = kit.auditCount
        for _ in 0..<200 where kit.auditCount == head { try await Task.sleep(for: .milliseconds(5)) }
        return try await kit.records().map(\.event).filter { $0.name == .canaryUsed }
    }

    private func refuse(_ kit: LegateKit, secret: String, id: String = "nobody", peer: String = "203.0.113.9") async {
        await expectRefusal(.invalidClient) {
            let form = Form([("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)])
            return try await kit.server.tokenEndpoint.respond(
                to: try kit.request(form, authorization: nil, peer: peer))
        }
    }

    @Test("a look-alike looks like the real thing and opens nothing", arguments: Canary.Kind.allCases)
    func lookAlikes(kind: Canary.Kind) async throws {
        let kit = try await LegateKit.start()
        let (canary, lookAlike) = try await plant(kit, kind)
        #expect(canary.kind == kind && canary.plantedIn == "the wiki" && canary.uses == 0)
        switch kind {
        case .clientSecret:
            #expect(lookAlike.value.hasPrefix(ClientSecret.prefix))
            #expect(lookAlike.value.utf8.count == ClientSecret.generate().utf8.count)
            let id = try #require(lookAlike.clientID)
            #expect(kit.server.registry.client(id) == nil && id.text.hasPrefix("client_"))
        case .token:
            let real = try await kit.token(kit.planner).accessToken
            let (fake, genuine) = (try UnverifiedJWT(lookAlike.value), try UnverifiedJWT(real))
            #expect(fake.header.keyID == genuine.header.keyID && fake.header.type == genuine.header.type)
            #expect(fake.claims["iss"] == genuine.claims["iss"])
            let names = Set(fake.claims.members.map(\.name))
            #expect(names.isSubset(of: Set(genuine.claims.members.map(\.name))) && names.contains("jti"))
            #expect(throws: TokenVerifier.Failure.self) {
                try kit.server.verifier.verify(lookAlike.value, at: kit.clock.time)
            }
        case .apiKey: #expect(lookAlike.value.hasPrefix("ak_live_"))
        }
    }

    @Test("its first use raises a critical record that says where it was planted and from where it was used")
    func used() async throws {
        let kit = try await LegateKit.start()
        let (canary, lookAlike) = try await plant(kit, .clientSecret, in: "CI variables of shop")
        await refuse(kit, secret: lookAlike.value, id: lookAlike.clientID?.text ?? "")
        let event = try #require(try await sightings(kit).first)
        #expect(event.target == "canary/\(canary.id)" && event.decision == .deny && event.apiEndpoint == "POST /token")
        let details = try #require(try JSON(parsing: event.after ?? "").object)
        #expect(details["severity"] == "critical" && details["where"] == "CI variables of shop")
        #expect(details["address"] == "203.0.113.9" && details["kind"] == "client-secret" && details["uses"] == 1)
        let listed = try #require(try kit.server.canaryDesk.list(after: nil, limit: 10, by: kit.keeper()).first)
        #expect(listed.uses == 1 && listed.firstUsed == kit.clock.time)
        let again = try await kit.restarted()
        #expect(try again.server.canaryDesk.list(after: nil, limit: 10, by: again.keeper()) == [listed])
    }

    @Test(
        "it is recognised wherever a credential is refused: client authentication, exchange, introspection, revocation")
    func everywhere() async throws {
        let kit = try await LegateKit.start()
        let (_, token) = try await plant(kit, .token)
        let (_, key) = try await plant(kit, .apiKey)
        let (_, secret) = try await plant(kit, .clientSecret)
        func count(_ use: () async throws -> Void) async throws -> Int {
            // A minute later each of them is told again.
            kit.clock.advance(seconds: CanaryWatch.pause)
            let before = try await kit.records().filter { $0.event.name == .canaryUsed }.count
            try await use()
            return try await sightings(kit).count - before
        }
        for stolen in [token.value, key.value, secret.value] {
            #expect(try await count { await refuse(kit, secret: stolen) } == 1)
            #expect(
                try await count {
                    await expectRefusal(.invalidClient) {
                        try await kit.token(kit.planner.with(.basic(stolen)))
                    }
                } == 1
            )
            #expect(try await count { _ = try await kit.introspect(stolen, by: kit.planner) } == 1)
            #expect(try await count { try await kit.revoke(stolen, by: kit.planner) } == 1)
            #expect(
                try await count {
                    await expectRefusal(.invalidRequest) { try await kit.exchange(stolen, by: kit.planner) }
                } == 1
            )
            #expect(
                try await count {
                    await kit.refusedCheck(
                        .gateway, "x", resource: "calendar", gateway: Form.basic("gateway", stolen))
                } == 1
            )
        }
    }

    @Test(
        "it is recognised in a form whose sender is refused: nobody, and a client with a wrong secret",
        arguments: [Party.Proof.none, .basic("wrong")])
    func strangers(proof: Party.Proof) async throws {
        let kit = try await LegateKit.start()
        let (_, lookAlike) = try await plant(kit, .token)
        let stranger = kit.planner.with(proof)
        let uses: [() async throws -> Void] = [
            { _ = try await kit.exchange(lookAlike.value, by: stranger) },
            { _ = try await kit.introspect(lookAlike.value, by: stranger) },
            { try await kit.revoke(lookAlike.value, by: stranger) },
        ]
        for (index, use) in uses.enumerated() {
            await expectRefusal(.invalidClient) { try await use() }
            let events = try await sightings(kit)
            #expect(events.count == index + 1)
            #expect(events.last?.after?.contains(#""uses":1"#) == true)
            kit.clock.advance(seconds: CanaryWatch.pause)
        }
    }

    @Test("the answer is that to any bad credential")
    func sameAnswer() async throws {
        let kit = try await LegateKit.start()
        let (_, token) = try await plant(kit, .token)
        let (_, secret) = try await plant(kit, .clientSecret)
        let planted = await expectRefusal(.invalidClient) {
            try await kit.token(kit.planner.with(.basic(secret.value)))
        }
        let wrong = await expectRefusal(.invalidClient) { try await kit.token(kit.planner.with(.basic("wrong"))) }
        #expect(planted == wrong)
        #expect(
            try await kit.introspect(token.value, by: kit.planner) == kit.introspect("garbage", by: kit.planner))
    }

    @Test("no more than one record a minute for each, however often it is used; the next one says how often")
    func bounded() async throws {
        let kit = try await LegateKit.start()
        let (_, lookAlike) = try await plant(kit, .clientSecret)
        for index in 0..<50 { await refuse(kit, secret: lookAlike.value, id: "nobody\(index)") }
        #expect(try await sightings(kit).count == 1)
        kit.clock.advance(seconds: CanaryWatch.pause)
        await refuse(kit, secret: lookAlike.value)
        let events = try await sightings(kit)
        #expect(events.count == 2)
        #expect(events.last?.after?.contains(#""uses":50"#) == true)
        let listed = try kit.server.canaryDesk.list(after: nil, limit: 10, by: kit.keeper())
        #expect(listed.map(\.uses) == [51])
    }

    @Test("a use that could not be recorded is recorded with the next")
    func diskIsGone() async throws {
        let kit = try await LegateKit.start()
        let (_, lookAlike) = try await plant(kit, .clientSecret)
        kit.store.fail(true)
        await refuse(kit, secret: lookAlike.value)
        for _ in 0..<200 where kit.server.ledger.isHealthy { try await Task.sleep(for: .milliseconds(5)) }
        try await Task.sleep(for: .milliseconds(20))
        kit.store.fail(false)
        await refuse(kit, secret: lookAlike.value)
        let events = try await sightings(kit)
        #expect(events.count == 1 && events.first?.after?.contains(#""uses":2"#) == true)
    }

    @Test("one that was removed is a bad credential like any other; who may read secrets may plant nothing")
    func removed() async throws {
        let kit = try await LegateKit.start()
        let (canary, lookAlike) = try await plant(kit, .apiKey)
        let desk = kit.server.canaryDesk
        await expectRefusal(.insufficientScope) {
            try await desk.remove(canary.id, by: kit.keeper(SecretDesk.readScope))
        }
        await expectRefusal(.insufficientScope) {
            try desk.list(after: nil, limit: 1, by: kit.keeper(SecretDesk.readScope))
        }
        await expectRefusal(.insufficientScope) {
            try await desk.plant(["kind": "token", "where": "x"], by: kit.keeper(SecretDesk.readScope))
        }
        try await desk.remove(canary.id, by: kit.keeper())
        await #expect(throws: SecretRefusal.missing("there is no canary \(canary.id)")) {
            try await desk.remove(canary.id, by: kit.keeper())
        }
        let count = kit.auditCount
        await refuse(kit, secret: lookAlike.value)
        try await Task.sleep(for: .milliseconds(30))
        #expect(kit.auditCount == count)
    }

    @Test("what is planted must say what and where")
    func drafts() async throws {
        let kit = try await LegateKit.start()
        let desk = kit.server.canaryDesk
        await expectInvalid("kind", "where") { try await desk.plant([:], by: kit.keeper()) }
        await expectInvalid("kind") { try await desk.plant(["kind": "cat", "where": "x"], by: kit.keeper()) }
        await expectInvalid("where") {
            try await desk.plant(["kind": "token", "where": "a\nb"], by: kit.keeper())
        }
        await expectInvalid("value") {
            try await desk.plant(["kind": "token", "where": "x", "value": "y"], by: kit.keeper())
        }
    }

    @Test("neither the trail nor the canary keeps the look-alike")
    func notKept() async throws {
        let kit = try await LegateKit.start()
        let (canary, lookAlike) = try await plant(kit, .apiKey)
        await refuse(kit, secret: lookAlike.value)
        _ = try await sightings(kit)
        #expect(try await kit.records().contains { "\($0)".contains(lookAlike.value) } == false)
        #expect(!canary.document.text.contains(lookAlike.value))
    }
}
