import Testing

@testable import OAuth

@Suite("Token lifetimes")
struct TokenLifetimeTests {
    private func life(client: Int? = nil, resource: Int? = nil, ceilings: [Int64] = []) -> Int64 {
        let authorization = Fixtures.authorization(
            Fixtures.client("a") { $0.tokenTTL = client }, for: Fixtures.resource("api") { $0.tokenTTL = resource }
        ) {
            $0.expiryCeilings = ceilings.map { Fixtures.now.seconds + $0 }
        }
        return TokenLifetime.end(of: authorization, at: Fixtures.now) - Fixtures.now.seconds
    }

    @Test("five minutes when nobody says otherwise")
    func standard() { #expect(life() == 300) }

    @Test("of client and resource the smaller wins")
    func smaller() {
        #expect(life(client: 60) == 60)
        #expect(life(resource: 600) == 600)
        #expect(life(client: 600, resource: 120) == 120)
        #expect(life(client: 1, resource: 900) == 1)
    }

    @Test("no setting raises the ceiling")
    func ceiling() {
        #expect(life(client: 86_400) == 900)
        #expect(life(client: 86_400, resource: 86_400) == 900)
    }

    @Test("never past a parent, the actor or the delegation")
    func parents() {
        #expect(life(ceilings: [100, 40, 200]) == 40)
        #expect(life(client: 30, ceilings: [100]) == 30)
    }
}
