import JOSE
import OAuth
import Support
import Testing

/// The hope: what the scopes hold down, the details lift, or the other way round; or a round trip loses the details.
@Suite("Attack: escalation by mixing scopes and authorization details")
struct RichRequestEscalationTests {
    private func details(_ details: JSON...) -> [String: String] { ["authorization_details": JSON.array(details).text] }

    @Test("details bring no scope, and scopes bring no details")
    func mixed() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let token = try await kit.token(
            kit.planner, for: World.orders, scope: "orders.read", with: details(PaymentDetails.payment(10)))
        #expect(token.scope == "orders.read")
        for scope in ["orders.write", "orders.read orders.write", "payment"] {
            await #expect(throws: OAuthError.self) {
                try await kit.exchange(
                    token.accessToken, by: kit.planner, for: World.orders, scope: scope,
                    with: details(PaymentDetails.payment(10)))
            }
        }
        let error = await #expect(throws: OAuthError.self) {
            try await kit.exchange(
                token.accessToken, by: kit.planner, for: World.orders, scope: "orders.read",
                with: details(PaymentDetails.payment(11)))
        }
        #expect(error?.code == .invalidAuthorizationDetails)
    }

    @Test("a token with details never becomes one without, whatever road it takes")
    func washing() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        for (name, scopes) in [("calendar", ["calendar.read"]), ("tools", ["tools.call"])] as [(String, [JSON])] {
            try await kit.update(.resource, name, ["scopes": .array(scopes + ["orders.read"])])
        }
        let token = try await kit.token(
            kit.planner, for: World.orders, with: details(PaymentDetails.payment(10))
        ).accessToken
        // The calendar does not know payments: there is no way through it and back.
        for target in [World.calendar, World.tools] {
            let error = await #expect(throws: OAuthError.self) {
                try await kit.exchange(token, by: kit.planner, for: target)
            }
            #expect(error?.code == .invalidAuthorizationDetails)
        }
        for empty in ["[]", "{}", "null", "[null]", "[{}]"] {
            await #expect(throws: OAuthError.self) {
                try await kit.exchange(
                    token, by: kit.planner, for: World.orders, with: ["authorization_details": empty])
            }
        }
        // An empty parameter counts as absent, and absent carries on what there is.
        let again = try await kit.exchange(
            token, by: kit.planner, for: World.orders, with: ["authorization_details": ""])
        #expect(again.token.authorizationDetails.objects.count == 1)
    }

    @Test("a type of the same name with another schema elsewhere does not loosen a limit on the way")
    func sameName() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let loose: JSON = [
            "type": "payment",
            "schema": [
                "type": "object",
                "properties": [
                    "amount": ["type": "number", "x-legate-narrows": "min"], "currency": ["type": "string"],
                    "creditor": ["type": "string"],
                ],
            ],
        ]
        try await kit.update(
            .resource, "calendar",
            [
                "scopes": ["calendar.read", "calendar.write", "orders.read"],
                "authorization_details_types": [loose],
            ]
        )
        let at = [World.orders, World.calendar]
        try await kit.update(
            .client, "planner",
            [
                "authorization_details": [
                    PaymentDetails.payment(500, creditor: nil, at: at[0]), PaymentDetails.payment(0, at: at[1]),
                ]
            ]
        )
        let token = try await kit.token(kit.planner, for: at[0], with: details(PaymentDetails.payment(10)))
        for asked in [[:], details(PaymentDetails.payment(10)), details(PaymentDetails.payment(400))] {
            let error = await #expect(throws: OAuthError.self) {
                try await kit.exchange(token.accessToken, by: kit.planner, for: at[1], with: asked)
            }
            #expect(error?.description.contains("not the same there") == true)
        }
        // The very same type goes on, with its limit, and comes back with it.
        try await kit.update(.resource, "calendar", ["authorization_details_types": [PaymentDetails.type]])
        try await kit.update(
            .client, "planner",
            ["authorization_details": .array(at.map { PaymentDetails.payment(500, creditor: nil, at: $0) })])
        let there = try await kit.exchange(token.accessToken, by: kit.planner, for: at[1])
        #expect(there.token.authorizationDetails.json == [PaymentDetails.payment(10)])
        await #expect(throws: OAuthError.self) {
            try await kit.exchange(
                there.accessToken, by: kit.planner, for: at[0], with: details(PaymentDetails.payment(11)))
        }
        let back = try await kit.exchange(there.accessToken, by: kit.planner, for: at[0])
        #expect(back.token.authorizationDetails.json == [PaymentDetails.payment(10)])
    }

    @Test("the next client in the chain is held by its own ceiling, and by all before it")
    func chain() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        try await kit.update(.client, "worker", ["acts_as": .string(World.orders.text), "exchange_scopes": []])
        try await kit.delegatePayments(upTo: 450, mayAct: [World.id("worker")])
        let token = try await kit.act(
            by: kit.planner, at: World.orders, scope: "orders.read", with: details(PaymentDetails.payment(420)))
        // The worker may have 400: less than the token, and nothing is narrowed in silence.
        await #expect(throws: OAuthError.self) {
            try await kit.exchange(token.accessToken, by: kit.worker, for: World.orders)
        }
        let less = try await kit.exchange(
            token.accessToken, by: kit.worker, for: World.orders, with: details(PaymentDetails.payment(400)))
        #expect(less.token.identity.actors?.depth == 2)
        await #expect(throws: OAuthError.self) {
            try await kit.exchange(
                less.accessToken, by: kit.worker, for: World.orders, with: details(PaymentDetails.payment(400.01)))
        }
        let again = try await kit.exchange(less.accessToken, by: kit.worker, for: World.orders)
        #expect(again.token.authorizationDetails.json == [PaymentDetails.payment(400)])
    }

    @Test("a schema that changes later holds for old tokens too")
    func changedSchema() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let token = try await kit.token(kit.planner, for: World.orders, with: details(PaymentDetails.payment(10)))
        let bare: JSON = ["type": "payment", "schema": ["type": "object", "properties": [:]]]
        for types: JSON in [[], [bare]] {
            try await kit.update(.resource, "orders", ["authorization_details_types": types])
            await #expect(throws: OAuthError.self) {
                try await kit.exchange(token.accessToken, by: kit.planner, for: World.orders)
            }
            await #expect(throws: OAuthError.self) {
                try await kit.exchange(
                    token.accessToken, by: kit.planner, for: World.orders, with: details(["type": "payment"]))
            }
        }
    }
}
