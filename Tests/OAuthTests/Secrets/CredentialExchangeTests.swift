import JOSE
import Revocations
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Release by exchange")
struct CredentialExchangeTests {
    private static let stripe = World.uri("https://api.stripe.example.com")
    private static let key = "sk_live_4242"
    private static let apiKey = "urn:legate:params:oauth:token-type:api-key"

    /// A world with a third party's API, an agent that users delegate to, and the API's key in the vault.
    private static func start(rules: [JSONObject] = [["client_id": "buyer"]], value: String = key) async throws
        -> (kit: LegateKit, buyer: Party)
    {
        let kit = try await LegateKit.start()
        try await kit.create(
            .resource,
            [
                "resource": .string(stripe.text), "name": "stripe", "kind": "third-party",
                "scopes": ["charge", "refund"],
            ]
        )
        let buyer = try await kit.createAgent(
            "buyer", scopes: ["charge", "refund", "calendar.read"], resources: [stripe, World.calendar],
            grants: ["client_credentials", "token_exchange"]
        )
        try await kit.keep(
            "payments/stripe", value,
            with: [
                "resource": .string(stripe.text),
                "rules": .array(
                    rules.map { .object($0.merging(patch: ["resource": .string(stripe.text)])) }),
            ]
        )
        return (kit, buyer)
    }

    private static func own(_ kit: LegateKit, _ buyer: Party) async throws -> String {
        try await kit.token(buyer, scope: "calendar.read").accessToken
    }

    @Test("an agent that acts for a user gets the key, and the answer says what it is")
    func release() async throws {
        let (kit, buyer) = try await Self.start()
        let delegation = try await kit.delegate(to: buyer, scopes: "charge refund", resources: [Self.stripe])
        let answer = try await kit.act(by: buyer, at: Self.stripe, scope: "charge")
        #expect(answer.accessToken == Self.key)
        let json = try #require(try JSON(parsing: answer.json).object)
        #expect(json["issued_token_type"]?.string == Self.apiKey)
        #expect(json["token_type"]?.string == "N_A")
        #expect(json["scope"]?.string == "charge")
        #expect(json["expires_in"]?.integer == 300)
        let lease = try #require(try await kit.leases("payments/stripe").first)
        #expect(lease.identity.delegationID == delegation.id && lease.identity.jti == answer.token.identity.jti)
        #expect(lease.expiresAt == kit.clock.time.adding(seconds: 300))
    }

    @Test("the exchange and the release are one entry of the trail's, and neither holds the key")
    func trail() async throws {
        let (kit, buyer) = try await Self.start()
        let delegation = try await kit.delegate(to: buyer, scopes: "charge", resources: [Self.stripe])
        let answer = try await kit.act(
            by: buyer, at: Self.stripe, with: ["task_id": "t-1", "reason": "pay the invoice"])
        let records = try await kit.records().suffix(2).map(\.event)
        let exchanged = try #require(records.first { $0.name == .tokenExchanged })
        let released = try #require(records.first { $0.name == .secretReleased })
        #expect(exchanged.target == "secret/payments/stripe" && exchanged.resource == Self.stripe.text)
        #expect(exchanged.requestContext == "pay the invoice" && exchanged.parentJTI != nil)
        #expect(released.target == "secret/payments/stripe/versions/1")
        for event in [exchanged, released] {
            #expect(event.delegatingUser == "corp|alice" && event.delegationID == delegation.id.text)
            #expect(event.taskID == "buyer/t-1" && event.jti == answer.token.identity.jti)
        }
        #expect(try await kit.records().contains { "\($0)".contains(Self.key) } == false)
    }

    @Test("a lease shorter than a token says so, and a delegation that ends earlier ends it")
    func lifetime() async throws {
        let (kit, buyer) = try await Self.start()
        _ = try await kit.server.secretDesk.update(
            LegateKit.secretName("payments/stripe"), patch: ["lease_ttl": 60], ifRevision: nil, by: kit.keeper()
        )
        _ = try await kit.delegate(to: buyer, scopes: "charge", resources: [Self.stripe])
        #expect(try await kit.act(by: buyer, at: Self.stripe).expiresIn == 60)
        let (other, agent) = try await Self.start()
        _ = try await other.delegate(to: agent, scopes: "charge", resources: [Self.stripe], expiresIn: 30)
        #expect(try await other.act(by: agent, at: Self.stripe).expiresIn == 30)
    }

    @Test("an agent exchanges a token of its own as well, within that token's scopes")
    func ownToken() async throws {
        let (kit, buyer) = try await Self.start()
        await expectRefusal(.invalidScope) {
            try await kit.exchange(try await Self.own(kit, buyer), by: buyer, for: Self.stripe, scope: "charge")
        }
    }

    @Test("no token is ever signed for a third party's API")
    func neverMinted() async throws {
        let (kit, buyer) = try await Self.start()
        let refusal = await expectRefusal(.invalidTarget) { try await kit.token(buyer, for: Self.stripe) }
        #expect(refusal?.rule == "credential_by_exchange")
        // One that was signed while the API took our tokens is dead from the moment that it does not.
        try await kit.create(
            .resource, ["resource": "https://was.example.com", "name": "was", "scopes": ["a"]]
        )
        let was = World.uri("https://was.example.com")
        let agent = try await kit.createAgent("agent", scopes: ["a"], resources: [was])
        let token = try await kit.token(agent, for: was).accessToken
        #expect(try await kit.isActive(token))
        try await kit.update(.resource, "was", ["kind": "third-party"])
        #expect(try await kit.isActive(token) == false)
    }

    @Test("no key is ever handed out for an API that takes our tokens")
    func neverReleased() async throws {
        let (kit, _) = try await Self.start()
        try await kit.keep(
            "calendar", "real key",
            with: [
                "resource": .string(World.calendar.text),
                "rules": [["client_id": "planner", "resource": .string(World.calendar.text)]],
            ]
        )
        _ = try await kit.delegate(to: kit.planner)
        let answer = try await kit.act(by: kit.planner, at: World.calendar, scope: "calendar.read")
        #expect(answer.accessToken != "real key" && answer.issuedTokenType == .accessToken)
        #expect(try await kit.isActive(answer.accessToken))
        await expectRefusal(.invalidRequest) {
            try await kit.act(by: kit.planner, with: ["requested_token_type": Self.apiKey])
        }
    }

    @Test("without a rule for this door nobody gets it, and the answer is that for no key at all")
    func doors() async throws {
        let (kit, buyer) = try await Self.start(rules: [["client_id": "planner"]])
        _ = try await kit.delegate(to: buyer, scopes: "charge", resources: [Self.stripe])
        let forbidden = await expectRefusal(.invalidTarget) { try await kit.act(by: buyer, at: Self.stripe) }
        try await kit.server.secretDesk.remove(
            LegateKit.secretName("payments/stripe"), ifRevision: nil, by: kit.keeper())
        let missing = await expectRefusal(.invalidTarget) { try await kit.act(by: buyer, at: Self.stripe) }
        #expect(forbidden == missing && forbidden != nil)
        // A rule for the vault's own door is none for this one.
        try await kit.keep("again", Self.key, readers: [buyer], with: ["resource": .string(Self.stripe.text)])
        await expectRefusal(.invalidTarget) { try await kit.act(by: buyer, at: Self.stripe) }
        #expect(try await kit.records().contains { $0.event.name == .secretReleased } == false)
    }

    @Test("a rule's user and scope must be those of the exchange")
    func rules() async throws {
        let (kit, buyer) = try await Self.start(rules: [["subject": "corp|alice", "scope": "refund"]])
        _ = try await kit.delegate(to: buyer, scopes: "charge refund", resources: [Self.stripe])
        _ = try await kit.delegate(from: "bob", to: buyer, scopes: "charge refund", resources: [Self.stripe])
        #expect(try await kit.act(by: buyer, at: Self.stripe, scope: "refund").accessToken == Self.key)
        await expectRefusal(.invalidTarget) { try await kit.act(by: buyer, at: Self.stripe, scope: "charge") }
        await expectRefusal(.invalidTarget) {
            try await kit.act(for: "bob", by: buyer, at: Self.stripe, scope: "refund")
        }
    }

    @Test("two keys that would do are none: nothing is guessed")
    func ambiguous() async throws {
        let (kit, buyer) = try await Self.start()
        _ = try await kit.delegate(to: buyer, scopes: "charge", resources: [Self.stripe])
        try await kit.keep(
            "payments/other", "sk_other",
            with: [
                "resource": .string(Self.stripe.text),
                "rules": [["subject": "corp|alice", "resource": .string(Self.stripe.text)]],
            ]
        )
        await expectRefusal(.invalidTarget) { try await kit.act(by: buyer, at: Self.stripe) }
        _ = try await kit.delegate(from: "bob", to: buyer, scopes: "charge", resources: [Self.stripe])
        #expect(try await kit.act(for: "bob", by: buyer, at: Self.stripe).accessToken == Self.key)
    }

    @Test("what is asked to be an access token is not answered with a key")
    func requestedType() async throws {
        let (kit, buyer) = try await Self.start()
        _ = try await kit.delegate(to: buyer, scopes: "charge", resources: [Self.stripe])
        let access = TokenType.accessToken.rawValue
        await expectRefusal(.invalidRequest) {
            try await kit.act(by: buyer, at: Self.stripe, with: ["requested_token_type": access])
        }
        let answer = try await kit.act(by: buyer, at: Self.stripe, with: ["requested_token_type": Self.apiKey])
        #expect(answer.accessToken == Self.key)
    }

    @Test("a revoked delegation, a disabled client and a full task get nothing, like any exchange")
    func policy() async throws {
        let (kit, buyer) = try await Self.start()
        let delegation = try await kit.delegate(to: buyer, scopes: "charge", resources: [Self.stripe])
        try await kit.update(.client, "buyer", ["max_task_tokens": 1])
        _ = try await kit.act(by: buyer, at: Self.stripe, with: ["task_id": "t"])
        await expectRefusal(.invalidRequest) { try await kit.act(by: buyer, at: Self.stripe, with: ["task_id": "t"]) }
        let lease = try #require(try await kit.leases("payments/stripe").first)
        #expect(kit.server.secretDesk.isLive(lease, at: kit.clock.time))
        try await kit.revokeDelegation(delegation.id)
        #expect(!kit.server.secretDesk.isLive(lease, at: kit.clock.time))
        await expectRefusal(.invalidRequest) { try await kit.act(by: buyer, at: Self.stripe) }
    }

    @Test("what cannot be recorded is not released, and a race with a revocation is lost")
    func failClosed() async throws {
        let (kit, buyer) = try await Self.start()
        _ = try await kit.delegate(to: buyer, scopes: "charge", resources: [Self.stripe])
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { try await kit.act(by: buyer, at: Self.stripe) }
    }

    @Test("the line end behind a key is not part of it; what is no line of ASCII is not handed out")
    func presentable() async throws {
        let (kit, buyer) = try await Self.start(value: Self.key + "\r\n")
        _ = try await kit.delegate(to: buyer, scopes: "charge", resources: [Self.stripe])
        #expect(try await kit.act(by: buyer, at: Self.stripe).accessToken == Self.key)
        let name = LegateKit.secretName("payments/stripe")
        for bad in ["two\nlines", "übel", " ", "\n", "a\n\n", "nul\u{0}"] {
            try await kit.server.secretDesk.put(Secret(Array(bad.utf8)), into: name, by: kit.keeper())
            await expectRefusal(.serverError) { try await kit.act(by: buyer, at: Self.stripe) }
        }
    }
}

extension LegateKit {
    /// The live leases of a secret.
    func leases(_ name: String) async throws -> [Lease] {
        try await server.secretDesk.leases(of: Self.secretName(name), after: nil, limit: 100, by: keeper())
    }
}
