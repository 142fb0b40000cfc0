import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("Connecting accounts")
struct ConnectionFlowTests {
    @Test("start leads to the provider's page with PKCE, state and a redirect URI of this connection alone")
    func start() async throws {
        let kit = try await LegateKit.start()
        let started = try await kit.connections.start(
            LegateKit.github, LegateKit.providerDraft(["authorization_parameters": ["access_type": "offline"]]),
            by: kit.keeper()
        )
        let id = try #require(kit.connection()?.id.text)
        let query = try Parameters(form: Array((started.authorizationURL.split(separator: "?").last ?? "").utf8))
        #expect(started.authorizationURL.hasPrefix(StubProvider.authorize + "?response_type=code&client_id=legate&"))
        #expect(query[Parameters.Name(rawValue: "code_challenge_method")] == "S256")
        #expect(query[Parameters.Name(rawValue: "code_challenge")]?.utf8.count == 43)
        #expect((query[.state]?.utf8.count ?? 0) >= 43)
        #expect(query[.scope] == "repo" && query[Parameters.Name(rawValue: "access_type")] == "offline")
        let redirect = "https://auth.example.com/connections/callback/\(id)"
        #expect(query[Parameters.Name(rawValue: "redirect_uri")] == redirect)
        #expect(started.document["redirect_uri"]?.string == redirect)
        #expect(started.document["status"]?.string == "pending")
        #expect(started.document.text.contains(StubProvider.clientSecret) == false)
    }

    @Test("the code from the browser finishes the connection; the agent gets the access token and nothing else")
    func finish() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        let connection = try await kit.connect(provider, readers: [kit.planner])
        #expect(connection.status == .connected && connection.flow == nil)
        #expect(connection.granted == World.scopes("repo"))
        #expect(try await kit.read("users/alice/github", as: kit.planner) == "access-1")
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("users/alice/github", as: kit.worker) }
        #expect(provider.forms.first?["redirect_uri"] == connection.redirectURI(at: kit.issuer))
        let texts = try await kit.records().map { "\($0)" }
        for secret in ["access-1", "refresh-1", StubProvider.clientSecret] {
            #expect(texts.contains { $0.contains(secret) } == false)
            #expect(connection.document(at: kit.issuer).text.contains(secret) == false)
        }
    }

    @Test("Basic escapes both halves before it joins them (RFC 6749, 2.3.1)")
    func basic() {
        // "a%3Ab" and "c%20d%2F" in base64.
        #expect(FormText.basic("a:b", "c d/") == "Basic YSUzQWI6YyUyMGQlMkY=")
    }

    @Test("a challenge is the digest of its verifier (RFC 7636, appendix B)")
    func challenge() {
        let proof = PKCE(verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        #expect(proof.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    }

    @Test("a victim's account in the attacker's vault: who logged in holds a code that only the starter could use")
    func sessionFixation() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        let started = try await kit.connections.start(LegateKit.github, LegateKit.providerDraft(), by: kit.keeper())
        let code = try kit.code(in: try await kit.comeBack(with: try provider.agree(to: started.authorizationURL)))
        // Without the code that the victim's browser shows, the starter gets nothing.
        await #expect(throws: SecretRefusal.self) {
            try await kit.connections.finish(LegateKit.github, code: "0000-0000-0000-0000", by: kit.keeper())
        }
        // With it, anybody else gets nothing either.
        let other = Operator(
            token: kit.vaultToken(kit.auditor, scopes: SecretDesk.writeScope), context: kit.context("POST /vault"))
        await #expect(throws: SecretRefusal.self) {
            try await kit.connections.finish(LegateKit.github, code: code, by: other)
        }
        #expect(provider.forms.isEmpty)
        #expect(try await kit.records().filter { $0.event.name == .connectionRefused }.count == 2)
        _ = try await kit.connections.finish(LegateKit.github, code: code, by: kit.keeper())
        #expect(kit.connection()?.status == .connected)
    }

    @Test("an answer that nobody waits for changes nothing and writes nothing")
    func strangers() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        let started = try await kit.connections.start(LegateKit.github, LegateKit.providerDraft(), by: kit.keeper())
        let before = (kit.auditCount, kit.connection())
        let query = try provider.agree(to: started.authorizationURL)
        for (query, id) in [
            (query, "conn_unknown"), ("code=x&state=guess", nil), ("code=x", nil), ("error=access_denied&state=x", nil),
        ] {
            guard case .refused = try await kit.comeBack(with: query, to: id) else {
                Issue.record("taken: \(query)")
                continue
            }
        }
        #expect(kit.auditCount == before.0 && kit.connection() == before.1)
    }

    @Test("an honest provider's code redeemed in the wrong connection: the answer of one is none for another")
    func crossToolkit() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        let started = try await kit.connections.start(LegateKit.github, LegateKit.providerDraft(), by: kit.keeper())
        let other = LegateKit.secretName("users/mallory/tool")
        _ = try await kit.connections.start(other, LegateKit.providerDraft(), by: kit.keeper())
        let wrong = try #require(kit.connection(other)?.id.text)
        #expect(wrong != kit.connection()?.id.text)
        let answer = try await kit.comeBack(with: try provider.agree(to: started.authorizationURL), to: wrong)
        guard case .refused = answer else { throw LegateKit.NotAnswered() }
    }

    @Test("an answer that comes twice is taken once")
    func replay() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        let started = try await kit.connections.start(LegateKit.github, LegateKit.providerDraft(), by: kit.keeper())
        let query = try provider.agree(to: started.authorizationURL)
        let code = try kit.code(in: try await kit.comeBack(with: query))
        guard case .refused = try await kit.comeBack(with: query) else { throw LegateKit.NotAnswered() }
        _ = try await kit.connections.finish(LegateKit.github, code: code, by: kit.keeper())
        await #expect(throws: SecretRefusal.self) {
            try await kit.connections.finish(LegateKit.github, code: code, by: kit.keeper())
        }
        guard case .refused = try await kit.comeBack(with: query) else { throw LegateKit.NotAnswered() }
    }

    @Test("ten minutes are enough; then both the answer and the code are refused")
    func expiry() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        let late = try await kit.connections.start(LegateKit.github, LegateKit.providerDraft(), by: kit.keeper())
        kit.clock.advance(seconds: ConnectionDesk.flowLifetime)
        guard case .refused = try await kit.comeBack(with: try provider.agree(to: late.authorizationURL)) else {
            throw LegateKit.NotAnswered()
        }
        let again = try await kit.connections.start(LegateKit.github, [:], by: kit.keeper())
        let code = try kit.code(in: try await kit.comeBack(with: try provider.agree(to: again.authorizationURL)))
        kit.clock.advance(seconds: ConnectionDesk.flowLifetime)
        await #expect(throws: SecretRefusal.self) {
            try await kit.connections.finish(LegateKit.github, code: code, by: kit.keeper())
        }
        #expect(provider.forms.isEmpty)
    }

    @Test("a user who says no, and a provider that is not the one, cancel what was started", arguments: [0, 1, 2])
    func cancelled(_ case: Int) async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        let draft = LegateKit.providerDraft(["issuer": "https://provider.example"])
        let started = try await kit.connections.start(LegateKit.github, draft, by: kit.keeper())
        let good = try provider.agree(to: started.authorizationURL, issuer: "https://provider.example")
        let state = try #require(good.split(separator: "&").first { $0.hasPrefix("state=") })
        let bad = [
            "error=access_denied&\(state)&iss=https://provider.example",
            good.replacing("iss=https://provider", with: "iss=https://evil"),
            good.replacing("&iss=https://provider.example", with: ""),
        ][`case`]
        guard case .refused = try await kit.comeBack(with: bad) else { throw LegateKit.NotAnswered() }
        #expect(kit.connection()?.flow == nil)
        #expect(try await kit.lastRecord()?.event.name == .connectionRefused)
        guard case .refused = try await kit.comeBack(with: good) else { throw LegateKit.NotAnswered() }
    }

    @Test("credentials that were given for one endpoint are not sent to another")
    func redirectedSecret() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        try await kit.connect(provider)
        var elsewhere = LegateKit.providerDraft(["token_endpoint": "https://evil.example/token"])
        await #expect(throws: SecretRefusal.self) {
            try await kit.connections.start(LegateKit.github, elsewhere, by: kit.keeper())
        }
        provider.withdraw()
        kit.clock.advance(seconds: 3600)
        _ = try? await kit.read("users/alice/github", as: kit.planner)
        await kit.server.connectionKeeper.refresh(LegateKit.github)
        #expect(kit.connection()?.status == .broken)
        elsewhere = LegateKit.providerDraft(["token_endpoint": "https://evil.example/token", "client_secret": nil])
        await #expect(throws: InvalidDocument.self) {
            try await kit.connections.start(LegateKit.github, elsewhere, by: kit.keeper())
        }
    }

    @Test("a user's own account is for agents that act for that user, whatever rules are added later")
    func owner() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        try await kit.connect(provider, with: ["owner": "corp|alice"])
        let alice = try await kit.delegate(to: kit.planner)
        let bob = try await kit.delegate(from: "bob", to: kit.planner)
        #expect(try await kit.read("users/alice/github", as: kit.planner, delegation: alice) == "access-1")
        await #expect(throws: SecretRefusal.notFound) {
            try await kit.read("users/alice/github", as: kit.planner, delegation: bob)
        }
        // A rule for others is not made; one for some of that user's agents is.
        await #expect(throws: InvalidDocument.self) {
            try await kit.server.secretDesk.allow(LegateKit.github, rule: ["client_id": "worker"], by: kit.keeper())
        }
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("users/alice/github", as: kit.worker) }
        _ = try await kit.server.secretDesk.allow(
            LegateKit.github, rule: ["client_id": "worker", "subject": "corp|alice"], by: kit.keeper())
        #expect(try await kit.read("users/alice/github", as: kit.planner, delegation: alice) == "access-1")
        // One that is there all the same keeps everybody out, and does not say whose account it is.
        var secret = try #require(kit.server.registry.secrets.secret(LegateKit.github))
        let revision = secret.revision
        secret.rules.append(SecretRule(id: .make(), client: kit.worker.id, resource: kit.vault))
        secret.revision += 1
        try await kit.server.ledger.commit(Entry(changes: [.keepSecret(secret, from: revision)]))
        let refusal = await #expect(throws: SecretRefusal.self) {
            try await kit.read("users/alice/github", as: kit.worker)
        }
        #expect(refusal?.reason.contains("remove that rule") == true && refusal?.reason.contains("alice") == false)
    }

    @Test("a connection that was started for nobody and then for a user gets that user's rule")
    func laterOwner() async throws {
        let kit = try await LegateKit.start()
        _ = try await kit.connections.start(LegateKit.github, LegateKit.providerDraft(), by: kit.keeper())
        #expect(kit.server.registry.secrets.secret(LegateKit.github)?.rules.isEmpty == true)
        let owned = LegateKit.providerDraft().merging(patch: ["owner": "corp|alice"])
        _ = try await kit.connections.start(LegateKit.github, owned, by: kit.keeper())
        #expect(kit.server.registry.secrets.secret(LegateKit.github)?.rules.map(\.subject) == ["corp|alice"])
        // Whoever took the rule away means it.
        _ = try await kit.server.secretDesk.disallow(LegateKit.github, where: { _ in true }, by: kit.keeper())
        _ = try await kit.connections.start(LegateKit.github, owned, by: kit.keeper())
        #expect(kit.server.registry.secrets.secret(LegateKit.github)?.rules.isEmpty == true)
    }

    @Test("who acts for a user connects that user's accounts alone")
    func delegatedOwner() async throws {
        let kit = try await LegateKit.start()
        let alice = try await kit.delegate(to: kit.planner)
        let agent = Operator(
            token: kit.vaultToken(kit.planner, scopes: SecretDesk.writeScope, delegation: alice),
            context: kit.context("POST /vault/connections/start")
        )
        await #expect(throws: InvalidDocument.self) {
            try await kit.connections.start(
                LegateKit.github, LegateKit.providerDraft().merging(patch: ["owner": "corp|bob"]), by: agent)
        }
        _ = try await kit.connections.start(LegateKit.github, LegateKit.providerDraft(), by: agent)
        #expect(kit.connection()?.owner == "corp|alice")
        #expect(kit.server.registry.secrets.secret(LegateKit.github)?.rules.map(\.subject) == ["corp|alice"])
    }

    @Test("disconnecting takes the tokens back, erases what is kept and ends the leases")
    func disconnect() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        try await kit.connect(provider, readers: [kit.planner])
        _ = try await kit.read("users/alice/github", as: kit.planner)
        let refreshToken = try #require(provider.refreshToken)
        let ended = try await kit.connections.disconnect(LegateKit.github, by: kit.keeper())
        #expect(ended.isRevoked == true && provider.revoked == [refreshToken])
        #expect(kit.connection() == nil)
        let refusal = await #expect(throws: SecretRefusal.self) {
            try await kit.connections.disconnect(LegateKit.github, by: kit.keeper())
        }
        #expect(refusal?.reason.contains("users/alice/github is not connected") == true)
        #expect(try await kit.store.secretVersions(of: LegateKit.github).map(\.state) == [.destroyed])
        #expect(
            try await kit.server.secretDesk.leases(of: LegateKit.github, after: nil, limit: 9, by: kit.keeper()).isEmpty
        )
        await #expect(throws: SecretRefusal.notFound) { try await kit.read("users/alice/github", as: kit.planner) }
        let again = try await kit.restarted()
        #expect(again.connection() == nil)
        #expect(again.server.registry.secrets.secret(LegateKit.github)?.kind == .oauth)
    }

    @Test("what is released while the account is being disconnected ends with it")
    func disconnectRace() async throws {
        let kit = try await LegateKit.start()
        let provider = StubProvider(kit)
        try await kit.connect(provider, readers: [kit.planner])
        kit.store.hold()
        let reading = Task { try await kit.read("users/alice/github", as: kit.planner) }
        try await kit.store.waitUntilHeld()
        let leaving = Task { try await kit.connections.disconnect(LegateKit.github, by: kit.keeper()) }
        try await Task.sleep(for: .milliseconds(50))
        kit.store.release()
        // Whether the value is still opened in time does not matter.
        _ = try? await reading.value
        _ = try await leaving.value
        #expect(try await kit.records().contains { $0.event.name == .secretReleased })
        #expect(
            try await kit.server.secretDesk.leases(of: LegateKit.github, after: nil, limit: 9, by: kit.keeper()).isEmpty
        )
    }

    @Test("a start is refused with every mistake named")
    func mistakes() async throws {
        let kit = try await LegateKit.start()
        let draft: JSONObject = [
            "provider": [
                "authorization_endpoint": "http://provider.example/", "token_endpoint": "https://provider.example/t#x",
                "client_id": "", "authorization_parameters": ["state": "mine"], "surprise": true,
            ], "owner": "alice",
        ]
        let error = await #expect(throws: InvalidDocument.self) {
            try await kit.connections.start(LegateKit.github, draft, by: kit.keeper())
        }
        #expect(
            Set(error?.errors.map(\.field) ?? []) == [
                "provider.authorization_endpoint", "provider.token_endpoint", "provider.client_id",
                "provider.authorization_parameters.state", "provider.surprise", "owner",
            ]
        )
        #expect(kit.connection() == nil && kit.server.registry.secrets.secret(LegateKit.github) == nil)
    }
}
