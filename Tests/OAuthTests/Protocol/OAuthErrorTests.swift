import OAuth
import Testing

@Suite("OAuth errors")
struct OAuthErrorTests {
    @Test("a description has only the characters that RFC 6749 section 5.2 allows")
    func characters() {
        let error = OAuthError(.invalidScope, "say \"no\" to a\\b, é and \n\u{0}")
        #expect(error.description == "say 'no' to a?b, ? and ??")
    }

    @Test("a description that comes from outside is bounded")
    func bounded() {
        let error = OAuthError(.invalidScope, String(repeating: "é", count: 5000))
        #expect(error.description.utf8.count == 512)
        #expect(OAuthError(.invalidScope, String(repeating: "a", count: 5000)).description.utf8.count <= 512)
    }

    @Test("as a text it is its description, never a dump of its members")
    func text() {
        #expect("\(OAuthError(.invalidScope, "no such scope", detail: "secret detail"))" == "no such scope")
    }

    @Test("the rule is the code unless one refused")
    func rule() {
        #expect(OAuthError(.invalidScope, "x").rule == "invalid_scope")
        #expect(OAuthError(.invalidScope, "x", rule: "r").rule == "r")
    }

    @Test("every code is a token of lower-case words")
    func codes() {
        for code in OAuthError.Code.allCases {
            #expect(code.rawValue.allSatisfy { $0 == "_" || ("a"..."z").contains($0) })
        }
    }
}
