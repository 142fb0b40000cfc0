import JOSE
import OAuth
import Support
import Testing

@Suite("Client authentication")
struct ClientAuthenticatorTests {
    private func form(_ more: [String: String] = [:]) -> Form {
        var form = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)])
        form.add(more)
        return form
    }

    private func respond(
        _ kit: LegateKit, _ form: Form, authorization: String? = nil, peer: String = "192.0.2.1"
    ) async throws -> TokenResponse {
        try await kit.server.tokenEndpoint.respond(to: kit.request(form, authorization: authorization, peer: peer))
    }

    @Test("more than one method in one request is refused")
    func mixed() async throws {
        let kit = try await LegateKit.start()
        let secret = try #require(kit.planner.secret)
        let basic = Form.basic("planner", secret)
        let assertion = try ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time
        ).parameters()
        await expectRefusal(.invalidRequest) { try await respond(kit, form(assertion), authorization: basic) }
        await expectRefusal(.invalidRequest) {
            try await respond(kit, form(assertion.merging(["client_id": "planner", "client_secret": secret]) { $1 }))
        }
        await expectRefusal(.invalidRequest) {
            try await respond(kit, form(["client_secret": secret]), authorization: basic)
        }
        await expectRefusal(.invalidRequest) {
            try await respond(kit, form(["client_id": "planner", "client_secret": secret]), authorization: "Bearer x")
        }
        await expectRefusal(.invalidRequest) { try await respond(kit, form(assertion), authorization: "Bearer x") }
    }

    @Test("no method, or a scheme that is not for clients, is invalid_client")
    func none() async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidClient) { try await respond(kit, form()) }
        await expectRefusal(.invalidClient) { try await respond(kit, form(["client_id": "planner"])) }
        for scheme in ["Bearer x", "Digest x", "Negotiate", "", "BasicX abc"] {
            await expectRefusal(.invalidClient) { try await respond(kit, form(), authorization: scheme) }
        }
    }

    @Test("whoever proves nothing is told of certificates where they are taken", arguments: [false, true])
    func hint(takesCertificates: Bool) async throws {
        let kit = try await LegateKit.start()
        let authenticator = ClientAuthenticator(methods: [], takesCertificates: takesCertificates)
        let request = try kit.request(form(["client_id": "planner"]), authorization: nil)
        let refusal = await expectRefusal(.invalidClient) {
            try await authenticator.authenticate(request, at: kit.clock.time)
        }
        #expect(refusal?.description.hasPrefix("no client authentication: send a secret") == true)
        #expect(refusal?.description.contains("client certificate") == takesCertificates)
        #expect(refusal?.description.contains("mtls_endpoint_aliases") == takesCertificates)
    }

    @Test("what came in the place of a client's name beside a secret is in no log: it may be the secret")
    func exchanged() async throws {
        let kit = try await LegateKit.start()
        let secret = try #require(kit.planner.secret)
        for request in [
            try kit.request(form(), authorization: Form.basic(secret, "planner")),
            try kit.request(form(["client_id": secret, "client_secret": "planner"]), authorization: nil),
        ] {
            let refusal = await expectRefusal(.invalidClient) {
                try await kit.server.tokenEndpoint.respond(to: request)
            }
            #expect(refusal != nil && refusal?.detail == nil)
        }
    }

    @Test("only the method that the client is registered with counts")
    func registeredMethod() async throws {
        let kit = try await LegateKit.start()
        await expectRefusal(.invalidClient) { try await kit.token(kit.signer.with(.basic("anything"))) }
        await expectRefusal(.invalidClient) { try await kit.token(kit.runner.with(.post("anything"))) }
        await expectRefusal(.invalidClient) { try await kit.token(kit.planner.with(.key(TestKeys.key(.es256)))) }
    }

    @Test("unknown, wrong and disabled are one answer")
    func sameAnswer() async throws {
        let kit = try await LegateKit.start()
        let unknown = await expectRefusal(.invalidClient) {
            try await kit.token(Party(World.id("nobody"), .basic("x")))
        }
        let wrong = await expectRefusal(.invalidClient) { try await kit.token(kit.planner.with(.basic("x"))) }
        let withoutSecret = await expectRefusal(.invalidClient) { try await kit.token(kit.signer.with(.basic("x"))) }
        try await kit.update(.client, "planner", ["enabled": false])
        kit.clock.nextSecond()
        let disabled = await expectRefusal(.invalidClient) { try await kit.token(kit.planner) }
        #expect(
            Set([unknown, wrong, withoutSecret, disabled].map { $0?.description }) == ["client authentication failed"])
    }

    @Test("ten failures from one address stop that address for that client, and only it")
    func throttled() async throws {
        let kit = try await LegateKit.start()
        let secret = try #require(kit.planner.secret)
        for _ in 0..<10 {
            await expectRefusal(.invalidClient) { try await kit.token(kit.planner.with(.basic("guess"))) }
        }
        let error = await expectRefusal(.slowDown) { try await kit.token(kit.planner) }
        #expect(error?.retryAfter == 60)
        _ = try await respond(kit, form(), authorization: Form.basic("planner", secret), peer: "192.0.2.77")
        try await kit.token(kit.worker, for: World.orders)
        kit.clock.advance(seconds: 60)
        try await kit.token(kit.planner)
    }

    @Test("guessed assertions are slowed down too")
    func throttledAssertions() async throws {
        let kit = try await LegateKit.start()
        for _ in 0..<10 {
            await expectRefusal(.invalidClient) { try await kit.token(kit.signer.with(.key(TestKeys.stranger()))) }
        }
        await expectRefusal(.slowDown) { try await kit.token(kit.signer) }
    }
}
