import JOSE
import OAuth
import Support
import Testing

/// The hope: an assertion seen on its way, or made for another server, works once more (RFC 7523 section 3, RFC 9700
/// section 4.14, RFC 7523bis).
@Suite("Attack: assertion replay")
struct AssertionReplayTests {
    private func assertion(_ kit: LegateKit, audience: String? = nil) throws -> [String: String] {
        var assertion = ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: try TestKeys.key(.es256), at: kit.clock.time)
        if let audience { assertion.claims["aud"] = .string(audience) }
        return try assertion.parameters()
    }

    private func post(_ http: HTTPTester, _ path: String, _ assertion: [String: String]) async throws -> HTTPExchange {
        var form = path == "/token" ? Form([("grant_type", "client_credentials")]) : Form([("token", "x")])
        form.add(assertion)
        return try await http.post(path, form)
    }

    @Test("once used, it works at no endpoint any more", arguments: ["/token", "/introspect", "/revoke"])
    func everywhere(first: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let assertion = try assertion(kit)
        #expect(try await post(http, first, assertion).status == 200)
        for path in ["/token", "/introspect", "/revoke"] {
            let answer = try await post(http, path, assertion)
            #expect(answer.status == 401)
            #expect(answer.json["error"] == "invalid_client")
        }
    }

    @Test("a restart does not forget it")
    func restart() async throws {
        let kit = try await LegateKit.start()
        let assertion = try assertion(kit)
        #expect(try await post(try kit.http(), "/token", assertion).status == 200)
        #expect(try await post(try kit.restarted().http(), "/token", assertion).status == 401)
    }

    @Test(
        "one made for another server, or for an endpoint of this one, is refused",
        arguments: [
            "https://other.example.com", "https://auth.example.com/token", "https://auth.example.com/", "signer",
        ])
    func audience(audience: String) async throws {
        let kit = try await LegateKit.start()
        #expect(try await post(try kit.http(), "/token", try assertion(kit, audience: audience)).status == 401)
    }

    @Test("the same claims signed anew are the same assertion")
    func sameID() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let one = ClientAssertion(of: kit.signer.id, for: kit.issuer, key: try TestKeys.key(.es256), at: kit.clock.time)
        #expect(try await post(http, "/token", try one.parameters()).status == 200)
        #expect(try await post(http, "/token", try one.parameters()).status == 401)
    }
}
