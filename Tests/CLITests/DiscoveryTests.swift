import JOSE
import OAuth
import Testing

@testable import CLI

@Suite("Finding the endpoints")
struct DiscoveryTests {
    private static let document: JSONObject = [
        "issuer": "https://a.example/x", "token_endpoint": "https://a.example/x/token",
        "introspection_endpoint": "https://a.example/x/introspect", "revocation_endpoint": "https://a.example/x/revoke",
        "jwks_uri": "https://a.example/x/keys",
    ]

    @Test("the well-known path stands between host and path")
    func url() throws {
        let issuer = try #require(IssuerURL("https://a.example/x"))
        #expect(Discovery.url(of: issuer) == "https://a.example/.well-known/oauth-authorization-server/x")
        let bare = try #require(IssuerURL("http://127.0.0.1:8080"))
        #expect(Discovery.url(of: bare) == "http://127.0.0.1:8080/.well-known/oauth-authorization-server")
    }

    @Test("a document of another issuer is refused: its endpoints would get the credentials")
    func otherIssuer() throws {
        let issuer = try #require(IssuerURL("https://a.example/x"))
        #expect(try Discovery(Self.document, of: issuer).tokenEndpoint == "https://a.example/x/token")
        let other = try #require(IssuerURL("https://b.example"))
        #expect(throws: CommandFailure.self) { try Discovery(Self.document, of: other) }
    }

    @Test("an endpoint that is missing or not https is refused", arguments: [JSON.null, "http://a.example/token", 5])
    func badEndpoint(value: JSON) throws {
        let issuer = try #require(IssuerURL("https://a.example/x"))
        var document = Self.document
        document["token_endpoint"] = value
        #expect(throws: CommandFailure.self) { try Discovery(document, of: issuer) }
    }
}
