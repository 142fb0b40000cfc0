import OAuth
import Testing

@Suite("URIs")
struct URIReferenceTests {
    @Test(
        "resource identifiers that are accepted",
        arguments: [
            "https://api.example.com", "https://api.example.com/", "https://api.example.com/v1?tenant=a",
            "https://api.example.com:8443/a/b", "https://[2001:db8::1]/x", "https://192.0.2.1/x",
            "http://127.0.0.1:8080/admin", "http://127.9.9.9", "http://localhost:3000", "http://[::1]:80/x",
            "HTTPS://api.example.com", "https://api.example.com/%7Euser", "https://my_host/x",
        ]
    )
    func accepted(text: String) { #expect(ResourceURI(text)?.text == text) }

    @Test(
        "resource identifiers that are refused",
        arguments: [
            "", "api.example.com", "//api.example.com", "/x", "https:", "https:/x", "https://", "https:///x",
            "https://:443",
            "https://h:", "https://h:0", "https://h:65536", "https://h:8a", "https://h:443:444", "https://h#f",
            "https://h/x#", "https://user@h/", "https://user:pw@h/", "https://h@evil/", "http://api.example.com",
            "http://localhost.evil.com", "http://127.0.0.1.evil.com", "http://127.1", "http://0x7f000001",
            "http://127.0.0.256", "http://127.0.0.1@evil.com", "ftp://h", "javascript://h/%0aalert(1)", "https://h/a b",
            "https://h/\u{0}", "https://h/é", "https://hé/", "https://h/%", "https://h/%2", "https://h/%zz",
            "https://[::1",
            "https://[::1]x", "https://[g]/", "https://h/\\evil", "https://h/<x>", "https://h/\"", " https://h",
            "https://h ",
            "1https://h", "https://a%2eb/",
        ]
    )
    func refused(text: String) { #expect(ResourceURI(text) == nil) }

    @Test("a resource identifier has at most 512 bytes")
    func length() {
        let base = "https://h/"
        #expect(ResourceURI(base + String(repeating: "a", count: 502)) != nil)
        #expect(ResourceURI(base + String(repeating: "a", count: 503)) == nil)
    }

    @Test("an issuer has neither query nor fragment (RFC 8414 section 2)")
    func issuers() {
        #expect(IssuerURL("https://auth.example.com/t1")?.path == "/t1")
        #expect(IssuerURL("https://auth.example.com/t1/")?.path == "/t1")
        #expect(IssuerURL("https://auth.example.com:8443/t1")?.origin == "https://auth.example.com:8443")
        #expect(IssuerURL("https://auth.example.com")?.path == "")
        #expect(IssuerURL("https://auth.example.com/?x=1") == nil)
        #expect(IssuerURL("https://auth.example.com/?") == nil)
        #expect(IssuerURL("https://auth.example.com/#x") == nil)
        #expect(IssuerURL("http://auth.example.com") == nil)
        #expect(IssuerURL("http://127.0.0.1:8080")?.isLoopback == true)
        #expect(IssuerURL("https://auth.example.com")?.isLoopback == false)
    }

    @Test("the parts are taken as they are written")
    func parts() throws {
        let uri = try #require(URIReference("HtTpS://Host.Example:8443/a//b/../c?q=1?2#f#g"))
        #expect(uri.scheme == "https")
        #expect(uri.authority == "Host.Example:8443")
        #expect(uri.host == "Host.Example")
        #expect(uri.port == 8443)
        #expect(uri.path == "/a//b/../c")
        #expect(uri.query == "q=1?2")
        #expect(uri.fragment == "f#g")
        #expect(!uri.hasUserInfo)
        #expect(URIReference("https://h")?.query == nil)
        #expect(URIReference("https://h?")?.query == "")
    }

    @Test("two URIs that differ in one byte are two resources")
    func exact() {
        #expect(ResourceURI("https://api.example.com") != ResourceURI("https://api.example.com/"))
        #expect(ResourceURI("https://api.example.com") != ResourceURI("https://API.example.com"))
        #expect(ResourceURI("https://api.example.com/%7E") != ResourceURI("https://api.example.com/%7e"))
    }
}
