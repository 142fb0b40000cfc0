import JOSE
import Testing

@Suite("The URL of a DPoP proof")
struct DPoPTargetTests {
    @Test(
        "two spellings of one URL are the same (DP-16, DP-17)",
        arguments: [
            "https://as.example.com/token?q=1", "https://as.example.com/token#f", "https://as.example.com/token?q=1#f",
            "HTTPS://AS.Example.COM/token", "https://as.example.com:443/token", "https://as.example.com:/token",
            "https://as.example.com/%74oken", "https://as.example.com/./token", "https://as.example.com/x/../token",
            "https://as.example.com/%2e/token", "https://%61s.example.com/token",
        ])
    func same(text: String) throws {
        let target: DPoPTarget = try #require(DPoPTarget(text))
        #expect(target == DPoPTarget("https://as.example.com/token"))
    }

    @Test(
        "what is not the same URL is not",
        arguments: [
            "http://as.example.com/token", "https://as.example.com/token/", "https://as.example.com/Token",
            "https://as.example.com:444/token", "https://example.com/token", "https://as.example.com.evil.com/token",
            "https://as.example.com/", "https://as.example.com", "https://as.example.com/to%2Fken",
            "https://as.example.com/token%3Fq", "https://as.example.com/x/token",
        ])
    func other(text: String) throws {
        let target: DPoPTarget = try #require(DPoPTarget(text))
        #expect(target != DPoPTarget("https://as.example.com/token"))
    }

    @Test(
        "what is no URL of a request is nothing",
        arguments: [
            "", "/token", "as.example.com/token", "https:/token", "https:///token", "https://", "ftp://as.example.com/",
            "https://user@as.example.com/token", "https://as.example.com:x/token", "https://as.example.com:65536/",
            "https://as.example.com:0/", "https://as.example.com/%", "https://as.example.com/%4", "https://a b/",
            "https://as.example.com/tök", "https://[::1/token", "https://[::1]x/token",
            "https://as.example.com/" + String(repeating: "a", count: 9_000),
        ])
    func nothing(text: String) {
        #expect(DPoPTarget(text) == nil)
    }

    @Test("an empty path is the root, and dots never lead above it")
    func root() throws {
        let root = try #require(DPoPTarget("https://as.example.com/"))
        for text in [
            "https://as.example.com", "https://as.example.com?x", "https://as.example.com/..",
            "https://as.example.com/a/..",
        ] {
            #expect(DPoPTarget(text) == root)
        }
        #expect(DPoPTarget("https://as.example.com/../a") == DPoPTarget("https://as.example.com/a"))
        #expect(DPoPTarget("https://as.example.com/a/./") == DPoPTarget("https://as.example.com/a/"))
    }

    @Test("an address in brackets keeps its colons")
    func address() throws {
        let target: DPoPTarget = try #require(DPoPTarget("http://[::1]:80/x"))
        #expect(target == DPoPTarget("HTTP://[::1]/x"))
        #expect(DPoPTarget("http://[::1]:81/x") != DPoPTarget("http://[::1]/x"))
    }

    @Test("escapes that stand for something reserved stay, in upper case")
    func escapes() throws {
        let target: DPoPTarget = try #require(DPoPTarget("https://a.example/x%2fy"))
        #expect(target == DPoPTarget("https://a.example/x%2Fy"))
        #expect(DPoPTarget("https://a.example/x%2fy") != DPoPTarget("https://a.example/x/y"))
    }
}
