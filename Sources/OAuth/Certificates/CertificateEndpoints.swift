import JOSE

/// Where clients find the endpoints at which they are asked for a certificate (RFC 8705 section 5).
struct CertificateEndpoints: Sendable {
    /// Scheme, host, port, and the path of the issuer.
    private let base: String

    init(origin: String, issuer: IssuerURL) { base = origin + issuer.path }

    /// The endpoints of our metadata at which a client authenticates, by their names there.
    private static let endpoints: KeyValuePairs = [
        "token_endpoint": "/token", "introspection_endpoint": "/introspect", "revocation_endpoint": "/revoke",
        "global_token_revocation_endpoint": "/global-token-revocation",
    ]

    func list(in document: inout JSONObject) {
        var aliases: JSONObject = [:]
        for (name, path) in Self.endpoints { aliases[name] = .string(base + path) }
        document["mtls_endpoint_aliases"] = .object(aliases)
        document["tls_client_certificate_bound_access_tokens"] = true
    }
}
