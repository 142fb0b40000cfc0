package import JOSE

/// The metadata documents: RFC 8414 for the server, RFC 9728 for the resources.
package struct ServerMetadata: Sendable {
    private let issuer: IssuerURL
    private let own: OwnResources
    private let grants: [GrantType]
    private let authenticationMethods: [AuthenticationMethod]
    private let assertionAlgorithms: [SignatureAlgorithm]
    private let certificates: CertificateEndpoints?

    init(
        issuer: IssuerURL, grants: [GrantType], authenticationMethods: [AuthenticationMethod],
        assertionAlgorithms: [SignatureAlgorithm], certificateOrigin: String?
    ) {
        self.issuer = issuer
        own = OwnResources(issuer: issuer)
        self.grants = grants
        certificates = certificateOrigin.map { CertificateEndpoints(origin: $0, issuer: issuer) }
        self.authenticationMethods = authenticationMethods.filter { certificateOrigin != nil || !$0.usesCertificate }
        self.assertionAlgorithms = assertionAlgorithms
    }

    /// RFC 8414. `authorization_endpoint`, `code` and `S256` are published for clients that refuse metadata without
    /// them, although the code flow is not a grant here.
    package func authorizationServer(resources: [Resource]) -> JSONObject {
        let methods = JSON.texts(authenticationMethods.map(\.rawValue))
        let algorithms = JSON.texts(assertionAlgorithms.map(\.rawValue))
        var scopes = ScopeSet.empty
        for resource in resources where resource.enabled {
            scopes = scopes.union(resource.scopes)
        }
        var document: JSONObject = [
            "issuer": .string(issuer.text),
            "authorization_endpoint": .string(issuer.text + "/authorize"),
            "token_endpoint": .string(issuer.text + "/token"),
            "jwks_uri": .string(issuer.text + "/.well-known/jwks.json"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": .texts(grants.map(\.rawValue)),
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint": .string(issuer.text + "/introspect"),
            "introspection_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_signing_alg_values_supported": ["ES256"],
            "revocation_endpoint": .string(issuer.text + "/revoke"),
            "revocation_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            "dpop_signing_alg_values_supported": .texts(DPoPProof.algorithms.map(\.rawValue)),
            "status_list_aggregation_endpoint": .string(issuer.text + "/status-lists"),
            "global_token_revocation_endpoint": .string(issuer.text + "/global-token-revocation"),
            "global_token_revocation_endpoint_auth_methods_supported": ["Bearer"],
        ]
        if !scopes.isEmpty { document["scopes_supported"] = .texts(scopes.tokens) }
        document.listDetailsTypes(of: resources.filter(\.enabled))
        certificates?.list(in: &document)
        let own = resources.filter { isOwn($0) && $0.enabled }
        if !own.isEmpty { document["protected_resources"] = .texts(own.map(\.uri.text)) }
        return document
    }

    /// RFC 9728 for one resource, ready to be served at the resource's own well-known path.
    package func protectedResource(_ resource: Resource) -> JSONObject {
        var document: JSONObject = [
            "resource": .string(resource.uri.text),
            "authorization_servers": .texts([issuer.text]),
            "bearer_methods_supported": ["header"],
            "resource_name": .string(resource.name),
        ]
        if !resource.scopes.isEmpty { document["scopes_supported"] = .texts(resource.scopes.tokens) }
        document.listDetailsTypes(of: [resource])
        if resource.kind != .thirdParty {
            document["dpop_signing_alg_values_supported"] = .texts(DPoPProof.algorithms.map(\.rawValue))
        }
        if resource.requireDPoP { document["dpop_bound_access_tokens_required"] = true }
        if resource.requireCertificate { document["tls_client_certificate_bound_access_tokens"] = true }
        return document
    }

    /// The same document with its `signed_metadata` (RFC 9728 section 2.2).
    package func signedProtectedResource(_ resource: Resource, keys: SigningKeys, at now: Timestamp) throws
        -> JSONObject
    {
        var document = protectedResource(resource)
        var claims = document
        claims[Claim.issuer] = .string(issuer.text)
        claims[Claim.issuedAt] = .integer(now.seconds)
        guard let key = keys.active(.es256, at: now) else { throw MissingSigningKey(algorithm: .es256) }
        document["signed_metadata"] = .string(
            try key.compactJWS(type: "JWT", payload: JSON.object(claims).serialized)
        )
        return document
    }

    /// Where the RFC 9728 document of a resource is found: for our own at their well-known path, for others here.
    package func resourceMetadataURL(of resource: Resource) -> String {
        guard isOwn(resource) else { return "\(issuer.text)/resources/\(resource.name)/oauth-protected-resource" }
        let path = String(resource.uri.text.dropFirst(issuer.origin.utf8.count))
        return issuer.origin + "/.well-known/oauth-protected-resource" + path
    }

    private func isOwn(_ resource: Resource) -> Bool { own.contains(resource.uri) }
}
