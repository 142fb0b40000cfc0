import OAuth
import Server
import Testing

@testable import CLI

@Suite("Options about client certificates")
struct MutualTLSSettingsTests {
    private func settings(_ options: [String: String], hasCertificate: Bool = true) throws -> MutualTLSSettings {
        try MutualTLSSettings(hasCertificate: hasCertificate) { options[$0] }
    }

    private func issuer(_ text: String) throws -> IssuerURL { try #require(IssuerURL(text)) }

    @Test("clients find the listener at the issuer's host, unless another is named")
    func baseURL() throws {
        let listening = try settings(["mtls-listen": "0.0.0.0:8443"])
        let tenant = try issuer("https://auth.example.com/tenant")
        #expect(listening.baseURL(for: tenant) == "https://auth.example.com:8443")
        #expect(listening.baseURL(for: try issuer("https://[2001:db8::1]:443")) == "https://[2001:db8::1]:8443")
        let named = try settings(["mtls-listen": "0.0.0.0:8443", "mtls-url": "https://mtls.example.com"])
        #expect(named.baseURL(for: try issuer("https://auth.example.com")) == "https://mtls.example.com")
        #expect(
            named.listener(for: try issuer("https://auth.example.com"))
                == LegateServer.Listener(host: "0.0.0.0", port: 8443, origin: "https://mtls.example.com"))
    }

    @Test("without a listener and without a proxy there is nothing to find")
    func nothing() throws {
        let none = try settings([:])
        #expect(none.baseURL(for: try issuer("https://auth.example.com")) == nil)
        #expect(none.listener(for: try issuer("https://auth.example.com")) == nil)
    }

    @Test(
        "what makes no sense is refused with the option's name",
        arguments: [
            (["mtls-listen": "127.0.0.1:0"], "mtls-listen"), (["mtls-listen": "8443"], "mtls-listen"),
            (["mtls-client-ca": "ca.pem"], "mtls-client-ca"), (["mtls-url": "https://mtls.example.com"], "mtls-url"),
            (["mtls-listen": "127.0.0.1:1", "mtls-url": "https://mtls.example.com/path"], "mtls-url"),
            (["mtls-listen": "127.0.0.1:1", "mtls-url": "http://mtls.example.com"], "mtls-url"),
            (["client-certificate-header": "X-Client-Cert"], "client-certificate-header"),
            (["trusted-proxy": "proxy"], "trusted-proxy"), (["trusted-proxy": "10.0.0.1,"], "trusted-proxy"),
            (
                ["trusted-proxy": "10.0.0.1", "client-certificate-header": "Authorization"],
                "client-certificate-header"
            ),
        ]
    )
    func refused(_ options: [String: String], _ field: String) {
        let error = #expect(throws: ConfigurationError.self) { _ = try settings(options) }
        #expect(error?.field == field)
    }

    @Test("the usual header needs no proxy: it is the default")
    func usualHeader() throws {
        _ = try settings(["client-certificate-header": "Client-Cert"])
    }

    @Test("the listener needs a server certificate")
    func needsCertificate() {
        #expect(throws: ConfigurationError.self) {
            _ = try settings(["mtls-listen": "127.0.0.1:1"], hasCertificate: false)
        }
    }

    @Test("several proxies are named with commas between, with spaces if somebody likes them")
    func proxies() throws {
        _ = try settings(["trusted-proxy": "10.0.0.1, 192.168.0.0/16,2001:db8::/32"], hasCertificate: false)
    }
}
