import JOSE
import OAuth

/// Where the endpoints of a server are, as it publishes them (RFC 8414).
struct Discovery: Sendable {
    let issuer: String
    let tokenEndpoint: String
    let introspectionEndpoint: String
    let revocationEndpoint: String
    let keysURL: String

    /// The address of the metadata: the well-known path goes between host and path of the issuer (RFC 8414, 3.1).
    static func url(of issuer: IssuerURL) -> String {
        issuer.origin + "/.well-known/oauth-authorization-server" + issuer.path
    }

    /// - Throws: `CommandFailure` when the document is another server's (RFC 8414, 3.3) or lacks an endpoint.
    init(_ document: JSONObject, of server: IssuerURL) throws(CommandFailure) {
        guard let issuer = document["issuer"]?.string else {
            throw CommandFailure("\(server) answers, but not as an authorization server")
        }
        guard issuer == server.text else {
            throw CommandFailure("the server at \(server) calls itself \(issuer): use that address")
        }
        func endpoint(_ name: String) throws(CommandFailure) -> String {
            guard let text = document[name]?.string, let url = URIReference(text), url.isAcceptableForTokens else {
                throw CommandFailure("the metadata of \(server) has no usable \(name)")
            }
            return text
        }
        self.issuer = issuer
        tokenEndpoint = try endpoint("token_endpoint")
        introspectionEndpoint = try endpoint("introspection_endpoint")
        revocationEndpoint = try endpoint("revocation_endpoint")
        keysURL = try endpoint("jwks_uri")
    }
}
