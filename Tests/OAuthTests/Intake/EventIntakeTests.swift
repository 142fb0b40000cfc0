import JOSE
import OAuth
import Revocations
import Support
import Testing
import Vault

@Suite("The intake of security events")
struct EventIntakeTests {
    static let sessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
    static let accountDisabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"

    private func receive(_ kit: LegateKit, _ compact: String) async throws -> EventIntake.Outcome {
        try await kit.server.eventIntake.receive(
            compact,
            context: RequestContext(requestID: "r", traceID: nil, endpoint: "POST /events", peer: "192.0.2.7")
        )
    }

    private func code(_ outcome: EventIntake.Outcome) -> IntakeRefusal.Code? {
        guard case .refused(let refusal) = outcome else { return nil }
        return refusal.code
    }

    /// A token and a delegation of alice, and one token of bob.
    private func people(_ kit: LegateKit) async throws -> (alice: String, bob: String, delegation: Delegation) {
        let delegation = try await kit.delegate(to: kit.planner)
        try await kit.delegate(from: "bob", to: kit.planner)
        return (
            try await kit.act(by: kit.planner).accessToken, try await kit.act(for: "bob", by: kit.planner).accessToken,
            delegation
        )
    }

    @Test(
        "a user's session that ended and an account that is no more end the user's tokens and delegations",
        arguments: [
            sessionRevoked, accountDisabled, "https://schemas.openid.net/secevent/risc/event-type/account-purged",
            "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked",
        ]
    )
    func leaves(event: String) async throws {
        let kit = try await LegateKit.start()
        let (alice, bob, delegation) = try await people(kit)
        #expect(try await receive(kit, try kit.corp.event(event, to: kit.issuer)) == .accepted)
        #expect(try await !kit.isActive(alice))
        #expect(try await kit.isActive(bob))
        #expect(kit.server.registry.delegation(delegation.id)?.status(at: kit.clock.time) == .revoked)
        let record = try #require(try await kit.records { $0.target = "issuer/corp" }.last?.event)
        #expect(record.name == .eventReceived)
        #expect(record.decision == .allow)
        #expect(record.delegatingUser == "corp|alice")
        #expect(record.requestContext == event.split(separator: "/").last.map(String.init))
        kit.clock.nextSecond()
        await expectRefusal(.invalidRequest) { try await kit.act(by: kit.planner) }
        let again = try await kit.restarted()
        #expect(try await !again.isActive(alice))
        await expectRefusal(.invalidRequest) { try await again.act(by: again.planner) }
    }

    @Test("an opaque subject is a user of the issuer that sends it")
    func opaque() async throws {
        let kit = try await LegateKit.start()
        let (alice, bob, _) = try await people(kit)
        let event = try kit.corp.event(
            Self.sessionRevoked, to: kit.issuer,
            claims: ["sub_id": ["format": "opaque", "id": "bob", "iss": nil, "sub": nil]]
        )
        #expect(try await receive(kit, event) == .accepted)
        #expect(try await kit.isActive(alice))
        #expect(try await !kit.isActive(bob))
    }

    @Test("an issuer speaks only for its own users")
    func otherIssuersUser() async throws {
        let kit = try await LegateKit.start()
        let (alice, _, _) = try await people(kit)
        let lab = try await kit.trustLab()
        let event = try lab.event(
            Self.sessionRevoked, to: kit.issuer,
            claims: ["sub_id": ["format": "iss_sub", "iss": .string(kit.corp.url.text), "sub": "alice"]]
        )
        #expect(code(try await receive(kit, event)) == .accessDenied)
        let own = try lab.event(Self.sessionRevoked, to: kit.issuer)
        #expect(try await receive(kit, own) == .accepted)
        #expect(try await kit.isActive(alice))
        let records = try await kit.records { $0.target = "issuer/lab" }.map(\.event).filter {
            $0.name == .eventReceived
        }
        #expect(records.map(\.decision) == [.deny, .allow])
        #expect(records.first?.policyEvaluation?.rule == "access_denied")
    }

    @Test("the same event a second time is accepted without a second effect, also after a restart")
    func replay() async throws {
        let kit = try await LegateKit.start()
        let (alice, _, _) = try await people(kit)
        let event = try kit.corp.event(Self.sessionRevoked, to: kit.issuer)
        #expect(try await receive(kit, event) == .accepted)
        #expect(try await !kit.isActive(alice))
        kit.clock.nextSecond()
        // She is back: a new delegation, a new token.
        try await kit.delegate(to: kit.planner)
        let new = try await kit.act(by: kit.planner).accessToken
        let count = kit.auditCount
        #expect(try await receive(kit, event) == .accepted)
        #expect(try await kit.isActive(new))
        #expect(kit.auditCount == count)
        let again = try await kit.restarted()
        again.clock.advance(seconds: 6 * 86_400)
        try await again.server.prune()
        let later = try await again.act(by: again.planner).accessToken
        #expect(try await receive(again, event) == .accepted)
        #expect(try await again.isActive(later))
        again.clock.advance(seconds: 2 * 86_400)
        try await again.server.prune()
        #expect(code(try await receive(again, event)) == .invalidRequest)
        #expect(again.server.revocations.count == 0)
    }

    @Test("many deliveries of one event at once take effect once")
    func concurrent() async throws {
        let kit = try await LegateKit.start()
        _ = try await people(kit)
        let event = try kit.corp.event(Self.sessionRevoked, to: kit.issuer)
        let outcomes = try await withThrowingTaskGroup(of: EventIntake.Outcome.self) { group in
            for _ in 0..<20 { group.addTask { try await receive(kit, event) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.allSatisfy { $0 == .accepted })
        #expect(
            try await kit.records { $0.target = "issuer/corp" }.filter { $0.event.name == .eventReceived }.count == 1)
        #expect(try await kit.store.revocations(after: 0, limit: 10).filter { $0.kind == .subject }.count == 1)
    }

    @Test(
        "an event that asks for nothing is acknowledged and recorded, whatever its subject",
        arguments: [
            "https://schemas.openid.net/secevent/caep/event-type/credential-change",
            "https://schemas.openid.net/secevent/ssf/event-type/verification", "https://example.com/never/heard/of it",
        ]
    )
    func withoutEffect(event: String) async throws {
        let kit = try await LegateKit.start()
        let (alice, _, _) = try await people(kit)
        let compact = try kit.corp.event(
            event, to: kit.issuer, claims: ["sub_id": ["format": "email", "email": "alice@example.com"]]
        )
        #expect(try await receive(kit, compact) == .accepted)
        #expect(try await kit.isActive(alice))
        let record = try #require(try await kit.lastRecord()?.event)
        #expect(record.name == .eventReceived)
        #expect(record.policyEvaluation?.reason == "acknowledged without effect")
    }

    @Test("the token may be for the server or for the endpoint, alone or among others")
    func audiences() async throws {
        let kit = try await LegateKit.start()
        for audience in [
            .string(kit.issuer.text + "/events"), .array(["https://other.example.com", .string(kit.issuer.text)]),
        ] as [JSON] {
            let event = try kit.corp.event(Self.sessionRevoked, to: kit.issuer, claims: ["aud": audience])
            #expect(try await receive(kit, event) == .accepted)
        }
    }

    @Test("what is not as it must be is refused in the words of RFC 8935, ends nothing, and is recorded once")
    func refused() async throws {
        let kit = try await LegateKit.start()
        let (alice, _, _) = try await people(kit)
        let now = kit.clock.time.seconds
        let wrong: [(String, JSONObject, IntakeRefusal.Code)] = [
            ("aud of another", ["aud": "https://other.example.com"], .invalidAudience),
            ("aud close by", ["aud": .string(kit.issuer.text + "/")], .invalidAudience),
            ("no aud", ["aud": nil], .invalidAudience),
            ("iat ahead", ["iat": .integer(now + 61)], .invalidRequest),
            ("iat long ago", ["iat": .integer(now - 7 * 86_400 - 1)], .invalidRequest),
            ("iat a text", ["iat": "now"], .invalidRequest),
            ("no iat", ["iat": nil], .invalidRequest),
            ("no jti", ["jti": nil], .invalidRequest),
            ("empty jti", ["jti": ""], .invalidRequest),
            ("long jti", ["jti": .string(String(repeating: "a", count: 257))], .invalidRequest),
            ("exp", ["exp": .integer(now + 300)], .invalidRequest),
            ("sub", ["sub": "alice"], .invalidRequest),
            ("no events", ["events": nil], .invalidRequest),
            ("events a list", ["events": [.string(Self.sessionRevoked)]], .invalidRequest),
            ("no sub_id", ["sub_id": nil], .invalidRequest),
            ("sub_id a text", ["sub_id": "alice"], .invalidRequest),
            (
                "format unknown", ["sub_id": ["format": "email", "email": "a@example.com", "iss": nil, "sub": nil]],
                .invalidRequest
            ),
            ("one member more", ["sub_id": ["extra": true]], .invalidRequest),
            ("no such user name", ["sub_id": ["sub": "a\u{7}b"]], .invalidRequest),
        ]
        for (what, claims, expected) in wrong {
            let event = try kit.corp.event(Self.sessionRevoked, to: kit.issuer, claims: claims)
            let count = kit.auditCount
            #expect(code(try await receive(kit, event)) == expected, "\(what)")
            #expect(kit.auditCount == count + 1, "\(what)")
            #expect(try await kit.lastRecord()?.event.decision == .deny)
            #expect(code(try await receive(kit, event)) == expected)
            #expect(kit.auditCount == count + 1, "\(what)")
        }
        #expect(try await kit.isActive(alice))
        #expect(kit.server.revocations.count == 0)
    }

    @Test("whatever is not proved to come from a trusted issuer leaves no trace")
    func strangers() async throws {
        let kit = try await LegateKit.start()
        let (alice, _, _) = try await people(kit)
        let good = try kit.corp.event(Self.sessionRevoked, to: kit.issuer)
        let unsigned = try kit.corp.event(Self.sessionRevoked, to: kit.issuer, algorithm: "none")
        let parts = good.split(separator: ".")
        let wrong: [(String, IntakeRefusal.Code)] = [
            (
                try kit.corp.event(Self.sessionRevoked, to: kit.issuer, claims: ["iss": "https://x.example.com"]),
                .invalidIssuer
            ),
            (try kit.corp.event(Self.sessionRevoked, to: kit.issuer, claims: ["iss": nil]), .invalidIssuer),
            (
                try kit.corp.event(Self.sessionRevoked, to: kit.issuer, claims: ["iss": .string(kit.issuer.text)]),
                .invalidIssuer
            ),
            (try kit.corp.event(Self.sessionRevoked, to: kit.issuer, type: "JWT"), .invalidRequest),
            (try kit.corp.event(Self.sessionRevoked, to: kit.issuer, type: nil), .invalidRequest),
            (try kit.corp.event(Self.sessionRevoked, to: kit.issuer, key: TestKeys.stranger()), .invalidKey),
            (try kit.corp.event(Self.sessionRevoked, to: kit.issuer, algorithm: "HS256"), .invalidKey),
            (unsigned, .invalidKey), ("\(parts[0]).\(parts[1]).", .authenticationFailed),
            (String(good.dropLast(8)) + "AAAAAAAA", .authenticationFailed), ("", .invalidRequest),
            ("a.b.c", .invalidRequest),
            (good + ".x", .invalidRequest), (String(repeating: "a", count: 60_000), .invalidRequest),
        ]
        let count = kit.auditCount
        for (event, expected) in wrong {
            #expect(code(try await receive(kit, event)) == expected, "\(event.prefix(80))")
        }
        #expect(kit.auditCount == count)
        #expect(try await kit.isActive(alice))
        // And the honest one still counts.
        #expect(try await receive(kit, good) == .accepted)
    }

    @Test("an issuer that is distrusted or disabled is a stranger")
    func distrusted() async throws {
        let kit = try await LegateKit.start()
        let event = try kit.corp.event(Self.sessionRevoked, to: kit.issuer)
        try await kit.update(.issuer, "corp", ["enabled": false])
        #expect(code(try await receive(kit, event)) == .invalidIssuer)
        try await kit.delete(.issuer, "corp")
        #expect(code(try await receive(kit, event)) == .invalidIssuer)
    }

    @Test("nothing is fetched for an issuer that nobody trusts")
    func noFetchForStrangers() async throws {
        let kit = try await LegateKit.start()
        let url = kit.corp.jwksURI
        try await kit.update(.issuer, "corp", ["jwks": nil, "jwks_uri": .string(url)])
        kit.fetcher.put(try kit.corp.jwks(), at: url)
        for event in [
            try kit.corp.event(Self.sessionRevoked, to: kit.issuer, claims: ["iss": "https://unknown.example.com"]),
            try kit.corp.event(Self.sessionRevoked, to: kit.issuer, type: "JWT"),
            try kit.corp.event(Self.sessionRevoked, to: kit.issuer, algorithm: "none"),
        ] {
            #expect(try await receive(kit, event) != .accepted)
        }
        #expect(kit.fetcher.requests(for: url) == 0)
        #expect(try await receive(kit, try kit.corp.event(Self.sessionRevoked, to: kit.issuer)) == .accepted)
        #expect(kit.fetcher.requests(for: url) == 1)
    }

    @Test("when the issuer's keys cannot be had the sender is asked to come again")
    func keysUnavailable() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.issuer, "corp", ["jwks": nil, "jwks_uri": "https://idp.example.com/gone"])
        let event = try kit.corp.event(Self.sessionRevoked, to: kit.issuer)
        let error = await expectRefusal(.temporarilyUnavailable) { try await receive(kit, event) }
        #expect(error?.retryAfter == 10)
    }

    @Test("users who are known by another claim than sub are not missed in silence")
    func otherSubjectClaim() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.issuer, "corp", ["subject_claim": "email"])
        let named = try kit.corp.event(Self.sessionRevoked, to: kit.issuer)
        #expect(code(try await receive(kit, named)) == .invalidRequest)
        let opaque = try kit.corp.event(
            Self.sessionRevoked, to: kit.issuer,
            claims: ["sub_id": ["format": "opaque", "id": "alice@example.com", "iss": nil, "sub": nil]]
        )
        #expect(try await receive(kit, opaque) == .accepted)
        #expect(try await kit.store.revocations(after: 0, limit: 10).map(\.id) == ["corp|alice@example.com"])
    }

    @Test("an event that cannot be stored is not acknowledged")
    func storageFails() async throws {
        let kit = try await LegateKit.start()
        let (alice, _, _) = try await people(kit)
        let event = try kit.corp.event(Self.sessionRevoked, to: kit.issuer)
        kit.store.fail(true)
        await #expect(throws: LedgerUnavailable.self) { _ = try await receive(kit, event) }
        kit.store.fail(false)
        #expect(try await receive(kit, event) == .accepted)
        #expect(try await !kit.isActive(alice))
    }
}
