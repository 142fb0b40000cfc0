import JOSE
import Testing

@testable import LegateGateway

@Suite("Authorization details at a gateway")
struct AuthorizationDetailsTests {
    private func token(_ claim: JSON?) throws -> VerifiedToken {
        let time = TestTime()
        let signer = try Signer()
        let judge = try TokenJudgeTests.judge(time, failClosedAfter: .seconds(10))
        judge.keys.take(signer.set, maximumAge: nil)
        judge.freshness.prove(time.seconds)
        return try judge.verify(try signer.token(at: time.seconds) { $0["authorization_details"] = claim })
    }

    @Test("they are told in their order, and by type")
    func listed() throws {
        let token = try token([
            ["type": "payment", "amount": 10], ["type": "status"], ["type": "payment", "amount": 5],
        ])
        #expect(token.authorizationDetails.count == 3)
        #expect(token.authorizationDetails(ofType: "payment").map { $0["amount"] } == [.integer(10), .integer(5)])
        #expect(token.authorizationDetails(ofType: "Payment").isEmpty)
    }

    @Test(
        "what is not a list of details allows nothing",
        arguments: ["null", "{}", "7", "[7]", "[{}]", #"[{"type":7}]"#, #"[{"type":"payment"},{}]"#])
    func malformed(claim: String) throws {
        #expect(try token(try JSON(parsing: claim)).authorizationDetails.isEmpty)
    }

    @Test("without the claim there are none")
    func none() throws {
        #expect(try token(nil).authorizationDetails.isEmpty)
    }
}
