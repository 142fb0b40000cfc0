import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("Authorization details through exchange")
struct DetailExchangeTests {
    private func details(_ details: JSON...) -> [String: String] { ["authorization_details": JSON.array(details).text] }

    /// A token of the planner for itself, with one payment.
    private func paying(_ kit: LegateKit, _ amount: JSON, creditor: String = "ACME") async throws -> String {
        try await kit.token(
            kit.planner, for: World.orders, with: details(PaymentDetails.payment(amount, creditor: creditor))
        ).accessToken
    }

    @Test("asking for nothing carries the details on unchanged")
    func inherited() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let token = try await paying(kit, 100)
        let again = try await kit.exchange(token, by: kit.planner, for: World.orders)
        #expect(again.token.authorizationDetails.json == [PaymentDetails.payment(100)])
        #expect(
            try await kit.lastRecord()?.event.authorizationDetails == JSON.array([PaymentDetails.payment(100)]).text)
    }

    @Test("asking for less gives less, and nothing brings it back")
    func narrowed() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let token = try await paying(kit, 100)
        let less = try await kit.exchange(
            token, by: kit.planner, for: World.orders, with: details(PaymentDetails.payment(40)))
        #expect(less.token.authorizationDetails.json == [PaymentDetails.payment(40)])
        for detail in [
            PaymentDetails.payment(100), PaymentDetails.payment(40.01), PaymentDetails.payment(40, creditor: "Other"),
            PaymentDetails.payment(40, actions: ["status"]),
        ] {
            let error = await expectRefusal(.invalidAuthorizationDetails) {
                try await kit.exchange(less.accessToken, by: kit.planner, for: World.orders, with: details(detail))
            }
            #expect(error?.description.contains("the subject token") == true)
        }
    }

    @Test("one payment does not become two")
    func split() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let token = try await paying(kit, 100)
        await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.exchange(
                token, by: kit.planner, for: World.orders,
                with: details(PaymentDetails.payment(100), PaymentDetails.payment(99)))
        }
        // Two become two, in either order, though the first one could stand behind both.
        let two = try await kit.token(
            kit.planner, for: World.orders, with: details(PaymentDetails.payment(100), PaymentDetails.payment(50)))
        let swapped = try await kit.exchange(
            two.accessToken, by: kit.planner, for: World.orders,
            with: details(PaymentDetails.payment(50), PaymentDetails.payment(60)))
        #expect(swapped.token.authorizationDetails.objects.count == 2)
        await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.exchange(
                two.accessToken, by: kit.planner, for: World.orders,
                with: details(PaymentDetails.payment(60), PaymentDetails.payment(60)))
        }
    }

    @Test("a token without details gives none")
    func fromNothing() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let token = try await kit.token(kit.planner, for: World.orders).accessToken
        let error = await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.exchange(
                token, by: kit.planner, for: World.orders, with: details(PaymentDetails.payment(1)))
        }
        #expect(error?.description.contains("the subject token") == true)
    }

    @Test("a user's delegation is a ceiling of its own; without one for the type there is nothing")
    func delegation() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        func act(_ user: String, _ detail: JSON) async throws -> TokenResponse {
            try await kit.act(for: user, by: kit.planner, at: World.orders, with: details(detail))
        }
        try await kit.delegate(to: kit.planner, scopes: "orders.read", resources: [World.orders])
        await expectRefusal(.invalidAuthorizationDetails) { try await act("alice", PaymentDetails.payment(1)) }
        try await kit.delegatePayments(from: "bob", upTo: 50)
        #expect(try await act("bob", PaymentDetails.payment(50)).token.authorizationDetails.objects.count == 1)
        let error = await expectRefusal(.invalidAuthorizationDetails) {
            try await act("bob", PaymentDetails.payment(51))
        }
        #expect(error?.description.contains("the delegation") == true)
        // The client's own ceiling holds under the most generous user.
        try await kit.delegatePayments(from: "carol", upTo: 10_000)
        await expectRefusal(.invalidAuthorizationDetails) { try await act("carol", PaymentDetails.payment(501)) }
        // Nothing asked, nothing given: the delegation is what may be asked for.
        let silent = try await kit.act(for: "bob", by: kit.planner, at: World.orders)
        #expect(silent.token.authorizationDetails.isEmpty)
    }

    @Test("of several delegations the one that covers the details is found; never their union")
    func whichDelegation() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let generous = try await kit.delegatePayments(upTo: 100)
        kit.clock.nextSecond()
        try await kit.delegatePayments(upTo: 10)
        let token = try await kit.act(
            by: kit.planner, at: World.orders, with: details(PaymentDetails.payment(60)))
        #expect(token.token.identity.delegationID == generous.id)
        await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.act(by: kit.planner, at: World.orders, with: details(PaymentDetails.payment(110)))
        }
    }

    @Test("a rule gives its delegations what it was allowed with")
    func rule() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        try await kit.allow(
            kit.planner, scopes: "orders.read", resources: [World.orders],
            with: ["authorization_details": [PaymentDetails.payment(30, creditor: "ACME", at: World.orders)]])
        let token = try await kit.act(
            by: kit.planner, at: World.orders, with: details(PaymentDetails.payment(30)))
        let delegation = try #require(token.token.identity.delegationID.flatMap { kit.server.registry.delegation($0) })
        #expect(delegation.authorizationDetails.objects.count == 1)
        await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.act(
                by: kit.planner, at: World.orders, with: details(PaymentDetails.payment(30, creditor: "Other")))
        }
        await expectInvalid("authorization_details[0].currency") {
            try await kit.allow(
                kit.planner, scopes: "orders.read", resources: [World.orders],
                with: [
                    "authorization_details": [PaymentDetails.payment(1, currency: "X", at: World.orders)]
                ])
        }
    }

    @Test("a delegation's details are narrowed, never widened")
    func narrowDelegation() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let delegation = try await kit.delegatePayments(upTo: 50)
        func narrow(_ details: JSON) async throws -> any Registered {
            try await kit.update(.delegation, delegation.id.text, ["authorization_details": details])
        }
        await expectInvalid("authorization_details") {
            try await narrow([PaymentDetails.payment(51, creditor: nil, at: World.orders)])
        }
        _ = try await narrow([PaymentDetails.payment(20, creditor: "ACME", at: World.orders)])
        await expectInvalid("authorization_details") {
            try await narrow([PaymentDetails.payment(20, creditor: nil, at: World.orders)])
        }
        _ = try await narrow([])
        await expectInvalid("authorization_details") {
            try await narrow([PaymentDetails.payment(1, creditor: "ACME", at: World.orders)])
        }
        await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.act(by: kit.planner, at: World.orders, with: details(PaymentDetails.payment(1)))
        }
    }

    /// From a user's delegation through up to four exchanges, each asking for something random.
    @Test("an exchange never widens: random requests down random chains", arguments: [1, 2, 3] as [UInt64])
    func property(seed: UInt64) async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        try await kit.delegatePayments(upTo: 300)
        var generator = SeededGenerator(seed: seed)
        func roll(_ sides: Int) -> Int { Int.random(in: 0..<sides, using: &generator) }
        func random() -> JSON {
            let amounts: [JSON] = [1, 50, 99.5, 100, 299, 300, 301, 450, 1e5]
            return PaymentDetails.payment(
                amounts[roll(amounts.count)], currency: roll(6) == 0 ? "USD" : "EUR",
                creditor: ["A", "B"][roll(2)], actions: roll(6) == 0 ? ["status"] : nil)
        }
        var granted = 0
        for _ in 0..<60 {
            var token: TokenResponse?
            for depth in 0..<4 {
                let asked: [JSON]? = depth > 0 && roll(4) == 0 ? nil : (0...roll(2)).map { _ in random() }
                let form = asked.map { ["authorization_details": JSON.array($0).text] } ?? [:]
                let next: TokenResponse
                do {
                    if let token {
                        next = try await kit.exchange(token.accessToken, by: kit.planner, for: World.orders, with: form)
                    } else {
                        next = try await kit.act(by: kit.planner, at: World.orders, with: form)
                    }
                } catch let error as OAuthError {
                    #expect(error.code == .invalidAuthorizationDetails, "\(error.description)")
                    continue
                }
                granted += 1
                let now = next.token.authorizationDetails.objects
                if let asked { #expect(now.map(JSON.object) == asked) }
                for detail in now {
                    #expect((detail["amount"].flatMap(Self.number) ?? .infinity) <= 300 && detail["currency"] == "EUR")
                }
                if let before = token?.token.authorizationDetails.objects {
                    #expect(now.count <= before.count)
                    for detail in now {
                        #expect(
                            before.contains { above in
                                above["creditor"] == detail["creditor"] && above["actions"] == detail["actions"]
                                    && (above["amount"].flatMap(Self.number) ?? 0)
                                        >= (detail["amount"].flatMap(Self.number) ?? .infinity)
                            })
                    }
                }
                token = next
            }
        }
        #expect(granted > 20, "only \(granted) exchanges were granted: too few to say anything")
    }

    private static func number(_ json: JSON) -> Double? {
        switch json {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}
