import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("Rich authorization requests")
struct DetailRequestTests {
    private func request(_ details: JSON...) -> [String: String] { ["authorization_details": JSON.array(details).text] }

    private func pay(
        _ kit: LegateKit, _ details: JSON..., by party: Party? = nil
    ) async throws -> TokenResponse {
        try await kit.token(
            party ?? kit.planner, for: World.orders, with: ["authorization_details": JSON.array(details).text])
    }

    @Test("what was granted stands in the answer, the token, introspection and the record")
    func granted() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let details: JSON = [PaymentDetails.payment(120), PaymentDetails.payment(80, creditor: "Other")]
        let answer = try await kit.token(
            kit.planner, for: World.orders, with: ["authorization_details": details.text])
        #expect(try JSON(parsing: answer.json).object?["authorization_details"] == details)
        #expect(try UnverifiedJWT(answer.accessToken).claims["authorization_details"] == details)
        for party in [kit.gateway, kit.planner, kit.auditor] {
            #expect(try await kit.introspect(answer.accessToken, by: party)["authorization_details"] == details)
        }
        // It concerns nobody else.
        #expect(try await kit.introspect(answer.accessToken, by: kit.calendarAPI) == ["active": false])
        let record = try #require(try await kit.lastRecord())
        #expect(record.event.authorizationDetails == details.text)
        #expect(record.json["authorization_details"] == details)
    }

    @Test("a token without them has no such member anywhere")
    func nothingAsked() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let answer = try await kit.token(kit.planner, for: World.orders)
        #expect(try JSON(parsing: answer.json).object?["authorization_details"] == nil)
        #expect(try UnverifiedJWT(answer.accessToken).claims["authorization_details"] == nil)
        #expect(try await kit.lastRecord()?.json["authorization_details"] == nil)
    }

    @Test("locations may name the resource of the token, and nothing else")
    func locations() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let answer = try await pay(kit, PaymentDetails.payment(1, at: World.orders))
        #expect(answer.token.authorizationDetails.objects.first?["locations"] == [.string(World.orders.text)])
        let both: JSON = [.string(World.orders.text), .string(World.calendar.text)]
        for locations in [[], "https://orders.example.com", [7], both, [.string(World.orders.text + "/")]] as [JSON] {
            var detail = PaymentDetails.payment(1).object ?? [:]
            detail["locations"] = locations
            let error = await expectRefusal(.invalidAuthorizationDetails) { try await pay(kit, .object(detail)) }
            #expect(error?.description.contains("[0].locations") == true)
        }
    }

    @Test(
        "what is not a list of details that the resource knows is refused, and says where",
        arguments: [
            ("[]", "1 to 16"), ("{}", "list"), ("x", "JSON"), ("[1]", "[0]"), ("[{}]", "[0]"),
            ("[{\"type\":7}]", "[0]"),
            ("[{\"type\":\"payment\",\"type\":\"payment\"}]", "repeated"), (#"[{"type":"unknown"}]"#, "[0].type"),
            (#"[{"type":"Payment"}]"#, "[0].type"),
            (#"[{"type":"payment","amount":1,"currency":"EUR"}]"#, "[0].creditor"),
            (#"[{"type":"payment","amount":"1","currency":"EUR","creditor":"A"}]"#, "[0].amount"),
            (#"[{"type":"payment","amount":-1,"currency":"EUR","creditor":"A"}]"#, "[0].amount"),
            (#"[{"type":"payment","amount":1,"currency":"XXX","creditor":"A"}]"#, "[0].currency"),
            (#"[{"type":"payment","amount":1,"currency":"EUR","creditor":"A","iban":"x"}]"#, "[0].iban"),
            (#"[{"type":"payment","amount":1,"currency":"EUR","creditor":"A","actions":["fly"]}]"#, "[0].actions[0]"),
            (#"[{"type":"payment","amount":1,"currency":"EUR","creditor":"A"},{"type":"x"}]"#, "[1].type"),
        ])
    func malformed(value: String, says: String) async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let count = kit.auditCount
        let error = await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.token(kit.planner, for: World.orders, with: ["authorization_details": value])
        }
        #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
        #expect(kit.auditCount == count + 1)
        #expect(try await kit.lastRecord()?.event.policyEvaluation?.rule == "details_attenuation")
    }

    @Test("hostile details are refused before they cost anything")
    func hostile() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let deep = String(repeating: "[", count: 4000) + String(repeating: "]", count: 4000)
        let nested = String(repeating: "{\"a\":", count: 1000) + "1" + String(repeating: "}", count: 1000)
        let values = [
            deep, "[\(nested)]", "[" + String(repeating: "1,", count: 4000) + "1]",
            JSON.array(Array(repeating: PaymentDetails.payment(1), count: 17)).text,
            "[{\"type\":\"payment\",\"amount\":1e400,\"currency\":\"EUR\",\"creditor\":\"A\"}]",
            "[{\"type\":\"payment\",\"x\":\"\(String(repeating: "a", count: 9000))\"}]",
            "[{\"type\":\"\(String(repeating: "t", count: 5000))\"}]",
            "[{\"type\":\"payment\",\"\(String(repeating: "n", count: 3000))\":1}]",
            "[{\"type\":\"pay\u{202E}tnem\"}]",
        ]
        for value in values {
            let error = await expectRefusal(.invalidAuthorizationDetails) {
                try await kit.token(kit.planner, for: World.orders, with: ["authorization_details": value])
            }
            #expect((error?.description.utf8.count ?? 9999) <= 512)
        }
    }

    @Test("a client gets what is registered for it at that resource, and not a cent more")
    func clientCeiling() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        _ = try await pay(kit, PaymentDetails.payment(500))
        _ = try await pay(kit, PaymentDetails.payment(0.5, actions: ["status"]))
        for detail in [
            PaymentDetails.payment(500.01), PaymentDetails.payment(1, currency: "USD"),
            PaymentDetails.payment(1, actions: ["cancel"]), PaymentDetails.payment(1, actions: ["status", "cancel"]),
        ] {
            let error = await expectRefusal(.invalidAuthorizationDetails) { try await pay(kit, detail) }
            #expect(error?.description.contains("the client") == true)
        }
        // Nobody registered any for the signer, and no other resource has the type.
        await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.token(kit.signer, with: request(PaymentDetails.payment(1)))
        }
        await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.token(kit.planner, with: request(PaymentDetails.payment(1)))
        }
        // A type at another resource does not open it for those who have it here.
        try await kit.update(.resource, "calendar", ["authorization_details_types": [PaymentDetails.type]])
        let error = await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.token(kit.planner, with: request(PaymentDetails.payment(1)))
        }
        #expect(error?.description.contains("which has no payment for") == true)
    }

    @Test("what is registered for a client is checked like a request, and names its resources")
    func clientRegistration() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        func register(_ detail: JSON) async throws -> any Registered {
            try await kit.update(.client, "planner", ["authorization_details": [detail]])
        }
        await expectInvalid("authorization_details[0].locations") { try await register(PaymentDetails.payment(1)) }
        await expectInvalid("authorization_details[0].locations") {
            try await register(PaymentDetails.payment(1, at: World.payroll))
        }
        await expectInvalid("authorization_details[0].type") {
            try await register(PaymentDetails.payment(1, at: World.calendar))
        }
        await expectInvalid("authorization_details[0].amount") {
            try await register(PaymentDetails.payment(-1, at: World.orders))
        }
        await expectInvalid("authorization_details[0].currency") {
            try await register(PaymentDetails.payment(1, currency: "GBP", at: World.orders))
        }
        await expectInvalid("authorization_details") {
            try await kit.update(.client, "planner", ["authorization_details": ["payment"]])
        }
        try await kit.update(.client, "planner", ["authorization_details": []])
        await expectRefusal(.invalidAuthorizationDetails) { try await pay(kit, PaymentDetails.payment(1)) }
    }

    @Test("a token with as many details as it can carry works like any other")
    func full() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let details = (0..<16).map { index in
            PaymentDetails.payment(
                .integer(Int64(index)), creditor: "Ümläut & Söhne \(index) \"GmbH\"", actions: ["initiate", "status"])
        }
        let token = try await kit.token(
            kit.planner, for: World.orders, with: ["authorization_details": JSON.array(details).text])
        #expect(token.token.authorizationDetails.json == .array(details))
        #expect(
            try await kit.introspect(token.accessToken, by: kit.gateway)["authorization_details"] == .array(details))
        let again = try await kit.exchange(token.accessToken, by: kit.planner, for: World.orders)
        #expect(again.token.authorizationDetails.json == .array(details))
    }

    @Test("a resource can require them: then there is no token without")
    func required() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments(required: true)
        let error = await expectRefusal(.invalidAuthorizationDetails) {
            try await kit.token(kit.planner, for: World.orders)
        }
        #expect(error?.description.contains("payment") == true)
        _ = try await pay(kit, PaymentDetails.payment(1))
        try await kit.delegate(to: kit.planner, scopes: "orders.read", resources: [World.orders])
        await expectRefusal(.invalidAuthorizationDetails) { try await kit.act(by: kit.planner, at: World.orders) }
    }
}
