import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

/// The hope: whoever has the token has everything (RFC 9700 section 2.2.1, RFC 9449 section 11). A token that is bound to a
/// key is of no use to whoever does not have the key.
@Suite("Attack: stolen token")
struct StolenTokenTests {
    private struct Scene {
        let kit: LegateKit
        let http: HTTPTester
        let key: SigningKey
        let token: String

        func proof(_ method: String, _ path: String, _ adjust: (inout ProofOfPossession) -> Void = { _ in }) throws
            -> String
        {
            var proof = ProofOfPossession(
                method, kit.issuer.text + path, key: key, at: kit.clock.time, accessToken: token)
            adjust(&proof)
            return try proof.compact()
        }

        func get(_ path: String, _ headers: [(String, String)]) async throws -> HTTPExchange {
            try await http.get(path, headers: headers)
        }

        func use(_ path: String, scheme: String = "DPoP", proofs: [String]) async throws -> HTTPExchange {
            try await get(path, [("Authorization", "\(scheme) \(token)")] + proofs.map { ("DPoP", $0) })
        }
    }

    /// A bound token of an operator for the admin API.
    private func scene() async throws -> Scene {
        let kit = try await LegateKit.start()
        kit.passFirstMinute()
        let key = try TestKeys.key(.es256)
        let token = try await kit.boundToken(kit.world.admin, for: kit.server.registry.ownResources.admin.uri, key: key)
        return Scene(kit: kit, http: try kit.http(), key: key, token: token.accessToken)
    }

    private static let path = "/admin/clients"

    @Test("its holder uses it with a proof for each call, in any case of the scheme (DP-34)")
    func holder() async throws {
        let scene = try await scene()
        for scheme in ["DPoP", "dpop", "DPOP"] {
            let answer = try await scene.use(
                Self.path + "?limit=2", scheme: scheme, proofs: [try scene.proof("GET", Self.path)])
            #expect(answer.status == 200)
        }
    }

    @Test("as Bearer it opens nothing, with a captured proof neither (DP-36)")
    func asBearer() async throws {
        let scene = try await scene()
        for proofs in [[], [try scene.proof("GET", Self.path)]] {
            let answer = try await scene.use(Self.path, scheme: "Bearer", proofs: proofs)
            #expect(answer.status == 401)
            let challenge = try #require(answer.headers[.wwwAuthenticate])
            #expect(challenge.hasPrefix(#"DPoP error="invalid_token""#))
            #expect(challenge.hasSuffix(#"algs="ES256 Ed25519 PS256""#))
        }
    }

    @Test("without a proof, with two, or with one of another key it opens nothing")
    func noProof() async throws {
        let scene = try await scene()
        let two = [try scene.proof("GET", Self.path), try scene.proof("GET", Self.path)]
        let stranger = Scene(kit: scene.kit, http: scene.http, key: try TestKeys.stranger(), token: scene.token)
        for proofs in [[], two, [try stranger.proof("GET", Self.path)], ["x"], [""]] {
            let answer = try await scene.use(Self.path, proofs: proofs)
            #expect(answer.status == 401)
            #expect(answer.headers[.wwwAuthenticate]?.hasPrefix(#"DPoP error="invalid_dpop_proof""#) == true)
        }
    }

    @Test("a captured proof does not open another path, another method or the same thing twice (DP-21)")
    func captured() async throws {
        let scene = try await scene()
        let proof = try scene.proof("GET", Self.path)
        #expect(try await scene.use("/admin/resources", proofs: [proof]).status == 401)
        let post = try await scene.http.send(
            .init(.post, Self.path, headers: [("Authorization", "DPoP \(scene.token)"), ("DPoP", proof)]))
        #expect(post.status == 401)
        #expect(try await scene.use(Self.path, proofs: [proof]).status == 200)
        #expect(try await scene.use(Self.path, proofs: [proof]).status == 401)
    }

    @Test("a proof that was made ahead of time for another token does not fit")
    func otherToken() async throws {
        let scene = try await scene()
        let proof = try scene.proof("GET", Self.path) { $0.claims["ath"] = .string(DPoPProof.digest(of: "x")) }
        #expect(try await scene.use(Self.path, proofs: [proof]).status == 401)
    }

    @Test("Host and forwarded headers do not move the URL that a proof has to name")
    func forwarded() async throws {
        let scene = try await scene()
        let proof = try scene.proof("GET", Self.path) { $0.claims["htu"] = "https://evil.example.com/admin/clients" }
        var question = HTTPExchange.Question(
            .get, Self.path,
            headers: [
                ("Authorization", "DPoP \(scene.token)"), ("DPoP", proof), ("X-Forwarded-Host", "evil.example.com"),
                ("X-Forwarded-Proto", "https"), ("Forwarded", "host=evil.example.com;proto=https"),
            ])
        question.authority = "evil.example.com"
        #expect(try await scene.http.send(question).status == 401)
    }

    @Test("a token that is not bound opens nothing under DPoP (DP-37)")
    func unbound() async throws {
        let scene = try await scene()
        let plain = Scene(
            kit: scene.kit, http: scene.http, key: scene.key, token: try await scene.kit.adminToken())
        let answer = try await plain.use(Self.path, proofs: [try plain.proof("GET", Self.path)])
        #expect(answer.status == 401)
        #expect(answer.headers[.wwwAuthenticate]?.hasPrefix(#"DPoP error="invalid_token""#) == true)
        #expect(try await plain.use(Self.path, scheme: "Bearer", proofs: []).status == 200)
    }

    @Test("two Authorization headers, one of each scheme, are refused (DP-38)")
    func bothSchemes() async throws {
        let scene = try await scene()
        let answer = try await scene.get(
            Self.path,
            [
                ("Authorization", "DPoP \(scene.token)"), ("Authorization", "Bearer \(scene.token)"),
                ("DPoP", try scene.proof("GET", Self.path)),
            ])
        #expect(answer.status == 400)
    }

    @Test("the vault, the feed, tasks, introspection and streams ask for the proof too")
    func everywhere() async throws {
        let kit = try await LegateKit.start()
        kit.passFirstMinute()
        let http = try kit.http()
        let key = try TestKeys.key(.es256)
        let own = kit.server.registry.ownResources
        try await kit.update(
            .client, "planner",
            [
                "resources": [.string(own.vault.uri.text)], "scopes": ["secrets:read", "secrets:write"],
            ])
        try await kit.update(
            .client, "gateway",
            ["resources": [.string(own.revocations.uri.text)], "scopes": ["revocations:read"]])
        let vault = try await kit.boundToken(kit.planner, for: own.vault.uri, key: key).accessToken
        let feed = try await kit.boundToken(kit.gateway, for: own.revocations.uri, key: key).accessToken
        let admin = try await kit.boundToken(kit.world.admin, for: own.admin.uri, key: key).accessToken
        let calls: [(HTTPRequest.Method, String, String, String?)] = [
            (.get, "/vault/secrets", vault, nil), (.get, "/revocations", feed, nil), (.get, "/ssf/streams", feed, nil),
            (.post, "/introspect", admin, "token=x"), (.post, "/tasks/planner%2Ft/complete", admin, "reason=x"),
            (.get, "/admin/audit", admin, nil),
        ]
        for (method, path, token, form) in calls {
            func send(_ headers: [(String, String)]) async throws -> HTTPExchange {
                var headers = headers
                if form != nil { headers.append(("Content-Type", "application/x-www-form-urlencoded")) }
                return try await http.send(.init(method, path, headers: headers, body: form.map { Array($0.utf8) }))
            }
            #expect(try await send([("Authorization", "Bearer \(token)")]).status == 401, "\(path)")
            #expect(try await send([("Authorization", "DPoP \(token)")]).status == 401, "\(path)")
            let proof = try ProofOfPossession(
                method.rawValue, kit.issuer.text + path, key: key, at: kit.clock.time, accessToken: token
            ).compact()
            let answer = try await send([("Authorization", "DPoP \(token)"), ("DPoP", proof)])
            #expect(answer.status < 300, "\(path): \(answer.answer.text)")
        }
    }

    @Test("where nonces are wanted a refusal brings one, and so does every good answer (DP-22, DP-25, DP-40)")
    func nonces() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let key = try TestKeys.key(.es256)
        func ask(_ nonce: String?) async throws -> HTTPExchange {
            let proof = try ProofOfPossession("POST", kit.tokenURL, key: key, at: kit.clock.time, nonce: nonce)
                .compact()
            return try await http.post(
                "/token",
                Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)]), as: kit.planner,
                headers: [("DPoP", proof)])
        }
        let refused = try await ask(nil)
        #expect(refused.status == 400)
        #expect(refused.json["error"] == "use_dpop_nonce")
        #expect(refused.headers[.cacheControl] == "no-store")
        #expect(refused.headers[values: .dpopNonce].count == 1)
        let nonce = try #require(refused.headers[.dpopNonce])
        let granted = try await ask(nonce)
        #expect(granted.status == 200)
        #expect(granted.json["token_type"] == "DPoP")
    }
}

extension HTTPField.Name {
    fileprivate static var dpopNonce: HTTPField.Name { HTTPField.Name("DPoP-Nonce") ?? .server }
}
