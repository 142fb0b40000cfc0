import OAuth
import Testing

@Suite("Bearer credentials")
struct BearerCredentialsTests {
    @Test("the scheme in any case, one space, one token")
    func tokens() {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            #expect(BearerCredentials("\(scheme) a.b-c_d~+/=") == .token("a.b-c_d~+/="))
        }
    }

    @Test("a token under DPoP is told apart from one under Bearer", arguments: ["DPoP", "dpop", "DPOP"])
    func dpop(scheme: String) {
        #expect(BearerCredentials("\(scheme) a.b-c") == .dpop("a.b-c"))
        #expect(BearerCredentials("\(scheme) a.b-c").token == "a.b-c")
        #expect(BearerCredentials("Bearer a").token == "a")
        #expect(BearerCredentials("Basic a").token == nil)
    }

    @Test(
        "anything else behind the scheme is malformed",
        arguments: ["Bearer", "Bearer ", "Bearer  a", "bearer a b", "DPoP", "DPoP ", "dpop a b"])
    func malformed(header: String) {
        #expect(BearerCredentials(header) == .malformed)
    }

    @Test(
        "no header and other schemes are no bearer credentials",
        arguments: [
            nil, "", " ", " Bearer a", "Basic YTpi", "Bearer\ta", "Bearerer a", "Beare a", "DPo a", "DPoPP a",
            "\u{0002}earer a",
        ])
    func absent(header: String?) {
        #expect(BearerCredentials(header) == .absent)
    }
}
