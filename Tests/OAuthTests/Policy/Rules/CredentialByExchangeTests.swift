import Testing

@testable import OAuth

@Suite("Rule: a third party's credential comes by exchange")
struct CredentialByExchangeTests {
    private func objection(to kind: Resource.Kind, by grant: GrantType) throws -> Refusal? {
        let resource = Fixtures.resource("api") { $0.kind = kind }
        let authorization = Authorization(
            grant: grant, client: Fixtures.client("planner"), subject: "planner", target: resource,
            requestedScopes: nil
        )
        return CredentialByExchange().objection(to: authorization, in: Fixtures.context(try Fixtures.registry()))
    }

    @Test("an API that takes our tokens is not its business", arguments: [Resource.Kind.api, .mcp])
    func ours(kind: Resource.Kind) throws {
        #expect(try objection(to: kind, by: .clientCredentials) == nil)
        #expect(try objection(to: kind, by: .tokenExchange) == nil)
    }

    @Test("an API that takes another's tokens is for exchanges alone")
    func thirdParty() throws {
        #expect(try objection(to: .thirdParty, by: .tokenExchange) == nil)
        let refusal = try objection(to: .thirdParty, by: .clientCredentials)
        #expect(refusal?.code == .invalidTarget)
        #expect(refusal?.rule == "credential_by_exchange")
    }
}
