import OAuth
import Testing

@Suite("Identifiers")
struct IdentifiersTests {
    @Test("client ids", arguments: ["a", "Agent-1.x_y~z", String(repeating: "a", count: 64)])
    func clientIDs(text: String) { #expect(ClientID(text)?.text == text) }

    @Test(
        "what is not a client id",
        arguments: [
            "", "a/b", "a|b", "a b", "a:b", "a@b", "é", "a\u{301}", "a%20", "a\n", "\u{212A}",
            String(repeating: "a", count: 65),
        ]
    )
    func notClientIDs(text: String) { #expect(ClientID(text) == nil) }

    @Test("made ids are client ids and differ")
    func made() {
        let ids = (0..<100).map { _ in ClientID.make() }
        #expect(ids.allSatisfy { ClientID($0.text) == $0 })
        #expect(Set(ids).count == 100)
        #expect(DelegationID(DelegationID.make().text) != nil)
        #expect(RuleID(RuleID.make().text) != nil)
    }

    @Test("an issuer's name has small letters only", arguments: ["corp", "a.b_c-1", String(repeating: "x", count: 32)])
    func issuerNames(text: String) { #expect(IssuerName(text)?.text == text) }

    @Test(
        "what is not an issuer's name", arguments: ["", "Corp", "a|b", "a b", "a/b", String(repeating: "x", count: 33)])
    func notIssuerNames(text: String) { #expect(IssuerName(text) == nil) }

    @Test("a qualified name is taken apart at the first slash, and only one is allowed")
    func qualified() throws {
        let client = try #require(ClientID("planner"))
        let name = try #require(QualifiedName("run:7@host", of: client))
        #expect(name.text == "planner/run:7@host")
        #expect(name.client == client)
        #expect(QualifiedName(qualified: "planner/run:7@host") == name)
        for text in ["", "/", "planner", "planner/", "/x", "a/b/c", "pl anner/x", "a|b/c", "planner/é", "planner/a b"] {
            #expect(QualifiedName(qualified: text) == nil)
        }
        #expect(QualifiedName("", of: client) == nil)
        #expect(QualifiedName(String(repeating: "a", count: 129), of: client) == nil)
        #expect(QualifiedName("other/x", of: client) == nil)
    }

    @Test("no user collides with a client or with another issuer's user")
    func users() throws {
        let user = try #require(UserSubject(claim: "corp|alice|x"))
        #expect(user.issuer.text == "corp")
        #expect(user.subject == "alice|x")
        #expect(user.claim == "corp|alice|x")
        #expect(ClientID(user.claim) == nil)
        for text in ["", "|", "corp|", "|alice", "Corp|alice", "corp", "corp|a\u{0}", "corp|a\u{85}"] {
            #expect(UserSubject(claim: text) == nil)
        }
        let name = try #require(IssuerName("corp"))
        #expect(UserSubject(issuer: name, subject: String(repeating: "a", count: 255)) != nil)
        #expect(UserSubject(issuer: name, subject: String(repeating: "a", count: 256)) == nil)
    }

    @Test("grants have a short and a full name")
    func grants() {
        #expect(GrantType(name: "token_exchange") == .tokenExchange)
        #expect(GrantType(name: "urn:ietf:params:oauth:grant-type:token-exchange") == .tokenExchange)
        #expect(GrantType(name: "client_credentials") == .clientCredentials)
        #expect(GrantType(name: "password") == nil)
        #expect(GrantType.tokenExchange.shortName == "token_exchange")
    }
}
