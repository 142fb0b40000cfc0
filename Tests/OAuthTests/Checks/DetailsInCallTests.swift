import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("Forward authentication: authorization details")
struct DetailsInCallTests {
    private func check(
        _ kit: LegateKit, _ token: String, needs details: String? = nil
    ) async throws -> CheckPass {
        var form = Form([("resource", "orders")])
        form.add("authorization_details", details)
        return try await kit.server.checkEndpoint.answer(
            CheckRequest(
                credentials: .token(token), parameters: try form.parameters(),
                context: RequestContext(
                    requestID: "r", traceID: nil, endpoint: "POST https://orders.example.com/pay", peer: "192.0.2.1")
            )
        )
    }

    private func refusal(_ body: () async throws -> CheckPass) async throws -> CheckRefusal {
        do {
            _ = try await body()
        } catch let refusal as CheckRefusal {
            return refusal
        }
        throw NotRefused()
    }

    private struct NotRefused: Error {}

    @Test("a call goes on when the token covers what it needs")
    func covered() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let token = try await kit.token(
            kit.planner, for: World.orders,
            with: ["authorization_details": JSON.array([PaymentDetails.payment(100)]).text])
        for amount in [100, 99.5, 0] as [JSON] {
            let needed = JSON.array([PaymentDetails.payment(amount)]).text
            let pass = try await check(kit, token.accessToken, needs: needed)
            #expect(pass.token.identity.jti == token.token.identity.jti)
        }
        _ = try await check(kit, token.accessToken)
    }

    @Test("a call that the token does not cover is denied, and recorded so")
    func notCovered() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let token = try await kit.token(
            kit.planner, for: World.orders,
            with: ["authorization_details": JSON.array([PaymentDetails.payment(100)]).text]
        ).accessToken
        let bare = try await kit.token(kit.planner, for: World.orders).accessToken
        let calls: [(String, [JSON])] = [
            (token, [PaymentDetails.payment(100.01)]), (token, [PaymentDetails.payment(1, creditor: "Other")]),
            (token, [PaymentDetails.payment(1), PaymentDetails.payment(1)]), (bare, [PaymentDetails.payment(1)]),
        ]
        for (token, needed) in calls {
            let denied = try await refusal { try await check(kit, token, needs: JSON.array(needed).text) }
            #expect(denied.kind == .insufficientAuthorization)
            #expect(denied.error.code == .insufficientAuthorization)
            let record = try #require(try await kit.lastRecord()).event
            #expect(record.name == .checkDenied && record.policyEvaluation?.rule == "token_details")
        }
    }

    @Test("a question that makes no sense is the gateway's fault")
    func nonsense() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let token = try await kit.token(kit.planner, for: World.orders).accessToken
        for needed in ["[]", "x", #"[{"type":"unknown"}]"#, #"[{"type":"payment"}]"#] {
            let denied = try await refusal { try await check(kit, token, needs: needed) }
            #expect(denied.kind == .request)
            #expect(denied.error.code == .invalidAuthorizationDetails)
        }
    }

    @Test("a resource that requires details takes no token without, also one from before")
    func required() async throws {
        let kit = try await LegateKit.start()
        try await kit.acceptPayments()
        let bare = try await kit.token(kit.planner, for: World.orders).accessToken
        _ = try await check(kit, bare)
        try await kit.update(.resource, "orders", ["require_authorization_details": true])
        #expect(try await refusal { try await check(kit, bare) }.kind == .insufficientAuthorization)
    }
}
