import JOSE
import OAuth
import Support
import Testing

@Suite("On the wire: authorization details")
struct DetailsTranscriptTests {
    @Test("a payment up to an amount, from the request to the call")
    func payments() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        try await kit.delegatePayments(upTo: 200)
        let http = try kit.http()
        var transcript = Transcript("authorization-details")
        func exchange(_ subject: String, _ type: TokenType, _ details: JSON) -> Form {
            Form([
                ("grant_type", GrantType.tokenExchange.rawValue), ("subject_token", subject),
                ("subject_token_type", type.rawValue), ("resource", World.orders.text),
                ("authorization_details", details.text),
            ])
        }
        let alice = try kit.corp.token(audience: kit.issuer, claims: ["jti": "corp-1"])
        transcript.add(
            "250 EUR are more than alice allows",
            try await http.post("/token", exchange(alice, .idToken, [PaymentDetails.payment(250)]), as: kit.planner))
        let granted = transcript.add(
            "120 EUR are not",
            try await http.post("/token", exchange(alice, .idToken, [PaymentDetails.payment(120)]), as: kit.planner))
        let token = try #require(try JSON(parsing: granted.answer.body).object?["access_token"]?.string)
        let narrowed = transcript.add(
            "the planner narrows its token",
            try await http.post(
                "/token", exchange(token, .accessToken, [PaymentDetails.payment(80)]), as: kit.planner))
        let less = try #require(try JSON(parsing: narrowed.answer.body).object?["access_token"]?.string)
        transcript.add(
            "and cannot take it back",
            try await http.post("/token", exchange(less, .accessToken, [PaymentDetails.payment(120)]), as: kit.planner))
        transcript.add(
            "the gateway introspects it",
            try await http.post("/introspect", Form([("token", less)]), as: kit.gateway))
        for (note, amount) in [("a call for 80 EUR goes on", 80), ("a call for 81 EUR does not", 81)]
            as [(String, JSON)]
        {
            let form = Form([
                ("resource", "orders"), ("authorization_details", JSON.array([PaymentDetails.payment(amount)]).text),
            ])
            transcript.add(
                note,
                try await http.get("/check?" + form.text, headers: [("Authorization", "Bearer " + less)]))
        }
        try transcript.check()
    }
}
