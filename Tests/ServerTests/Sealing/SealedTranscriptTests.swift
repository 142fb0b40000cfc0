import HTTPTypes
import JOSE
import OAuth
import Server
import Support
import Testing

@Suite("On the wire: a sealed server")
struct SealedTranscriptTests {
    @Test("what a sealed server still answers, and what it does not")
    func answers() async throws {
        let kit = try await LegateKit.start()
        let http = try HTTPTester(try await kit.sealed(by: KitOpener(kit, passphrase: "open sesame")))
        var transcript = Transcript("sealed")
        transcript.add("it lives", try await http.get("/health/live"))
        transcript.add("it is not ready", try await http.get("/health/ready"))
        transcript.add("the keys for whoever verifies offline", try await http.get("/.well-known/jwks.json"))
        transcript.add("RFC 9728", try await http.get("/.well-known/oauth-protected-resource/admin"))
        transcript.add(
            "of a registered resource, without signed_metadata",
            try await http.get("/resources/calendar/oauth-protected-resource"))
        transcript.add(
            "no token", try await http.post("/token", Form([("grant_type", "client_credentials")]), as: kit.planner))
        transcript.add("no check", try await http.get("/check/"))
        transcript.add("no feed", try await http.get("/revocations"))
        transcript.add("no administration", try await http.admin(.get, "/admin/clients", token: "any"))
        transcript.add("no secret", try await http.get("/vault/values/payments/stripe"))
        transcript.add("nor anything else", try await http.get("/nothing"))
        try transcript.check()
    }

    @Test("unsealing with a passphrase, and sealing again")
    func unsealing() async throws {
        let kit = try await LegateKit.start()
        let opener = KitOpener(kit, passphrase: "open sesame")
        let http = try HTTPTester(try await kit.sealed(by: opener))
        var transcript = Transcript("unseal")
        transcript.add(
            "another passphrase",
            try await http.admin(.post, "/admin/vault/unseal", token: nil, ["passphrase": "wrong"]))
        transcript.add(
            "too soon after it",
            try await http.admin(.post, "/admin/vault/unseal", token: nil, ["passphrase": "open sesame"]))
        kit.clock.nextSecond()
        kit.clock.nextSecond()
        transcript.add("none", try await http.admin(.post, "/admin/vault/unseal", token: nil, [:]))
        transcript.add(
            "something else",
            try await http.admin(.post, "/admin/vault/unseal", token: nil, ["password": "open sesame"]))
        transcript.add("the method", try await http.get("/admin/vault/unseal"))
        transcript.add(
            "the right one",
            try await http.admin(.post, "/admin/vault/unseal", token: nil, ["passphrase": "open sesame"]))
        transcript.add("it is ready", try await http.get("/health/ready"))
        transcript.add(
            "there is nothing to unseal", try await http.admin(.post, "/admin/vault/unseal", token: nil, [:]))
        let admin = try await #require(opener.last).adminToken()
        transcript.add("sealed by an operator", try await http.admin(.post, "/admin/vault/seal", token: admin))
        transcript.add("it is not ready", try await http.get("/health/ready"))
        transcript.add("whoever sealed it", try await http.admin(.get, "/admin/vault", token: admin))
        try transcript.check()
    }
}
