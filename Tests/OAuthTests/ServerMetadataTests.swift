import JOSE
import OAuth
import Support
import Testing

@Suite("Server metadata")
struct ServerMetadataTests {
    private func document(_ kit: LegateKit) -> JSONObject {
        kit.server.metadata.authorizationServer(resources: kit.server.registry.registeredResources)
    }

    @Test("every grant that is listed works, and every one that is not does not")
    func grants() async throws {
        let kit = try await LegateKit.start()
        let listed = document(kit)["grant_types_supported"]?.array?.compactMap(\.string) ?? []
        #expect(listed == ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"])
        for name in listed + [
            "authorization_code", "refresh_token", "password", "urn:ietf:params:oauth:grant-type:device_code",
        ] {
            do {
                _ = try await kit.server.tokenEndpoint.respond(
                    to: kit.request(Form([("grant_type", name)]), from: kit.planner))
            } catch let error as OAuthError {
                #expect((error.code == .unsupportedGrantType) != listed.contains(name))
            }
        }
    }

    @Test("every way to authenticate that is listed is one, for all three endpoints")
    func methods() async throws {
        let document = document(try await LegateKit.start())
        for endpoint in ["token", "introspection", "revocation"] {
            #expect(
                document["\(endpoint)_endpoint_auth_methods_supported"] == [
                    "client_secret_basic", "client_secret_post", "private_key_jwt", "spiffe_jwt",
                ])
            #expect(
                document["\(endpoint)_endpoint_auth_signing_alg_values_supported"] == ["ES256", "Ed25519", "PS256"])
        }
    }

    @Test(
        "endpoints are the issuer's, also when it has a path",
        arguments: ["https://auth.example.com", "https://auth.example.com/t1", "http://127.0.0.1:8080"])
    func endpoints(issuer: String) async throws {
        let kit = try await LegateKit.start(issuer: issuer)
        let document = document(kit)
        #expect(document["issuer"] == .string(issuer))
        for (member, path) in [
            ("token_endpoint", "/token"), ("introspection_endpoint", "/introspect"), ("revocation_endpoint", "/revoke"),
            ("jwks_uri", "/.well-known/jwks.json"), ("authorization_endpoint", "/authorize"),
        ] {
            #expect(document[member] == .string(issuer + path))
        }
        #expect(document["protected_resources"]?.array?.first == .string(issuer + "/admin"))
    }

    @Test("no member is empty or null")
    func nothingEmpty() async throws {
        for (name, value) in document(try await LegateKit.start()).members {
            #expect(!value.isNull && value.array?.isEmpty != true && value.string?.isEmpty != true, "\(name)")
        }
    }

    @Test("scopes follow the enabled resources")
    func scopes() async throws {
        let kit = try await LegateKit.start()
        func listed() -> Bool { document(kit)["scopes_supported"]?.array?.contains("orders.read") == true }
        #expect(listed())
        try await kit.update(.resource, "orders", ["enabled": false])
        #expect(!listed())
    }

    @Test("a resource's document names itself and us, and its signed form says the same (RFC 9728)")
    func protectedResource() async throws {
        let kit = try await LegateKit.start()
        let calendar = try #require(kit.server.registry.resource(named: "calendar"))
        let document = try kit.server.metadata.signedProtectedResource(
            calendar, keys: kit.server.keys, at: kit.clock.time)
        #expect(document["resource"] == .string(World.calendar.text))
        #expect(document["authorization_servers"] == .array([.string(kit.issuer.text)]))
        #expect(document["scopes_supported"] == ["calendar.read", "calendar.write"])
        let signed = try UnverifiedJWT(try #require(document["signed_metadata"]?.string))
            .verified(with: kit.server.keys.published(at: kit.clock.time), types: .exactly("JWT"))
        #expect(signed.claims["iss"] == .string(kit.issuer.text))
        for (name, value) in document.members where name != "signed_metadata" { #expect(signed.claims[name] == value) }
        #expect(try await !kit.isActive(try #require(document["signed_metadata"]?.string)))
    }

    @Test("where a resource's document is found")
    func urls() async throws {
        let kit = try await LegateKit.start(issuer: "https://auth.example.com/t1")
        let calendar = try #require(kit.server.registry.resource(named: "calendar"))
        #expect(
            kit.server.metadata.resourceMetadataURL(of: calendar)
                == "https://auth.example.com/t1/resources/calendar/oauth-protected-resource")
        #expect(
            kit.server.metadata.resourceMetadataURL(of: kit.server.registry.ownResources.admin)
                == "https://auth.example.com/.well-known/oauth-protected-resource/t1/admin"
        )
    }
}
