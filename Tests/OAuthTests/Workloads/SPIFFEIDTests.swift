import Testing

@testable import OAuth

@Suite("SPIFFE IDs")
struct SPIFFEIDTests {
    @Test(
        "a workload's name is taken apart",
        arguments: [
            ("spiffe://example.org/agent", "example.org", "/agent"),
            ("spiffe://a_b-c.1/ns/prod/sa/Web.Front-1_x", "a_b-c.1", "/ns/prod/sa/Web.Front-1_x"),
            ("spiffe://example.org", "example.org", ""),
        ])
    func parts(text: String, domain: String, path: String) throws {
        let id = try #require(SPIFFEID(text))
        #expect(id.trustDomain.text == domain)
        #expect(id.path == path)
        #expect(id.text == text)
    }

    @Test(
        "two texts never name one workload: whatever could be written in another way is refused",
        arguments: [
            "", "spiffe://", "spiffe:///agent", "spiffe://example.org/", "spiffe://example.org//agent",
            "spiffe://example.org/agent/", "spiffe://example.org/./agent", "spiffe://example.org/../agent",
            "spiffe://Example.org/agent", "SPIFFE://example.org/agent", "spiffe://example.org:443/agent",
            "spiffe://user@example.org/agent", "spiffe://example.org/agent?x", "spiffe://example.org/agent#x",
            "spiffe://example.org/%61gent", "spiffe://example.org/ag ent", "https://example.org/agent",
            "spiffe://example.org\\agent", "spiffe://ex\u{e9}mple.org/agent", "spiffe://example.org/agent\u{0}",
            " spiffe://example.org/agent", "spiffe://example.org/agent\n",
        ])
    func strict(text: String) {
        #expect(SPIFFEID(text) == nil)
    }

    @Test("names have the lengths of the specification")
    func lengths() {
        let domain = String(repeating: "d", count: 255)
        #expect(SPIFFEID("spiffe://\(domain)/x") != nil)
        #expect(SPIFFEID("spiffe://\(domain)d/x") == nil)
        let path = String(repeating: "p", count: 2048 - "spiffe://example.org/".utf8.count)
        #expect(SPIFFEID("spiffe://example.org/\(path)") != nil)
        #expect(SPIFFEID("spiffe://example.org/\(path)p") == nil)
    }

    @Test("a trust domain in the place of an issuer cannot be the iss of a token")
    func issuer() throws {
        let domain = try #require(TrustDomain(uri: "spiffe://example.org"))
        #expect(IssuerURL(domain).trustDomain == domain)
        #expect(IssuerURL("spiffe://example.org") == nil)
        #expect(TrustDomain(uri: "spiffe://example.org/agent") == nil)
        #expect(TrustDomain(uri: "example.org") == nil)
    }

    @Test("a pattern means one workload, or all below a path, and nothing beside it")
    func patterns() throws {
        let below = try #require(SPIFFEPattern("spiffe://example.org/team/*"))
        let one = try #require(SPIFFEPattern("spiffe://example.org/team/a"))
        func id(_ path: String) throws -> SPIFFEID { try #require(SPIFFEID("spiffe://example.org\(path)")) }
        #expect(try below.matches(id("/team/a")))
        #expect(try below.matches(id("/team/a/b")))
        #expect(try !below.matches(id("/team")))
        #expect(try !below.matches(id("/teams/a")))
        #expect(try one.matches(id("/team/a")))
        #expect(try !one.matches(id("/team/a/b")))
        let elsewhere = try #require(SPIFFEID("spiffe://example.com/team/a"))
        #expect(!one.matches(elsewhere))
    }

    @Test(
        "a whole trust domain is nobody's pattern",
        arguments: ["spiffe://example.org", "spiffe://example.org/*", "*", "/*", "spiffe://*/a", "spiffe://e/a*"])
    func tooWide(text: String) {
        #expect(SPIFFEPattern(text) == nil)
    }

    @Test("patterns that share a workload overlap")
    func overlap() throws {
        func pattern(_ path: String) throws -> SPIFFEPattern {
            try #require(SPIFFEPattern("spiffe://example.org/\(path)"))
        }
        #expect(try pattern("a").overlaps(pattern("a")))
        #expect(try pattern("a/*").overlaps(pattern("a/b")))
        #expect(try pattern("a/b").overlaps(pattern("a/*")))
        #expect(try pattern("a/*").overlaps(pattern("a/b/*")))
        #expect(try !pattern("a").overlaps(pattern("a/*")))
        #expect(try !pattern("a/*").overlaps(pattern("ab/*")))
    }
}
