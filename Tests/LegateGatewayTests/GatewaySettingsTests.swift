import Testing

@testable import LegateGateway

@Suite("The settings of a gateway")
struct GatewaySettingsTests {
    private func configuration(_ issuer: String = "https://auth.example.com") -> GatewayConfiguration {
        GatewayConfiguration(
            issuer: issuer, resources: ["https://orders.example.com"],
            credentials: GatewayCredentials(clientID: "ed ge", secret: "a:b%é"))
    }

    @Test(
        "addresses follow from the issuer",
        arguments: ["https://auth.example.com/t1", "http://127.0.0.1:8080", "http://[::1]"])
    func addresses(issuer: String) throws {
        let settings = try GatewaySettings(configuration(issuer))
        #expect(settings.feedURL == issuer + "/revocations")
        #expect(settings.keysURL == issuer + "/.well-known/jwks.json")
    }

    @Test(
        "an issuer that cannot be trusted on the way is refused",
        arguments: [
            "http://auth.example.com", "http://127.0.0.1.example.com", "http://localhost@evil.example", "https://",
            "https://a?b", "https://a#b", "https://a b", "ftp://a", "", "https:///x", "http://127.0.0.1\\x",
        ])
    func untrustworthy(issuer: String) {
        #expect(throws: GatewayConfigurationError.self) { try GatewaySettings(configuration(issuer)) }
    }

    @Test("bounds are bounds")
    func bounds() throws {
        for seconds in [0, 3, 901] {
            var configuration = configuration()
            configuration.failClosedAfter = .seconds(seconds)
            #expect(throws: GatewayConfigurationError.self) { try GatewaySettings(configuration) }
        }
        var nobody = configuration()
        nobody.resources = []
        #expect(throws: GatewayConfigurationError.self) { try GatewaySettings(nobody) }
        _ = try GatewaySettings(nobody, needsResource: false)
        nobody.resources = [""]
        #expect(throws: GatewayConfigurationError.self) { try GatewaySettings(nobody) }
    }

    @Test("a gateway that requires DPoP says where its API is reached, and cannot be told nonsense")
    func publicURL() throws {
        for change: (inout GatewayConfiguration) -> Void in [
            { $0.requireDPoP = true }, { $0.requireDPoPNonce = true }, { $0.publicURL = "orders.example.com" },
            { $0.publicURL = "http://orders.example.com" }, { $0.publicURL = "https://" },
            { $0.publicURL = "https://orders.example.com?x" }, { $0.publicURL = "https://me@orders.example.com" },
            { $0.publicURL = "https://orders.example.com:99999" }, { $0.maximumProofs = 9 },
        ] {
            var wrong = configuration()
            change(&wrong)
            #expect(throws: GatewayConfigurationError.self) { try GatewaySettings(wrong) }
        }
        var right = configuration()
        right.publicURL = "https://orders.example.com/v1/"
        right.requireDPoP = true
        #expect(try GatewaySettings(right).publicURL == PublicURL("https://orders.example.com/v1"))
    }

    @Test("credentials are form-encoded first, and are not printed")
    func credentials() throws {
        // ed%20ge:a%3Ab%25%C3%A9
        #expect(try GatewaySettings(configuration()).authorization == "Basic ZWQlMjBnZTphJTNBYiUyNSVDMyVBOQ==")
        var text = ""
        dump(configuration().credentials, to: &text)
        #expect(!text.contains("a:b") && !"\(configuration())".contains("a:b"))
    }
}
