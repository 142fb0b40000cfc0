import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

@Suite("On the wire: documents and HTTP")
struct DocumentTranscriptTests {
    @Test("server metadata")
    func metadata() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var transcript = Transcript("metadata")
        let document = transcript.add("RFC 8414", try await http.get("/.well-known/oauth-authorization-server"))
        transcript.add("the same for those who look only here", try await http.get("/.well-known/openid-configuration"))
        let tag = try #require(document.headers[.eTag])
        transcript.add(
            "known already",
            try await http.get("/.well-known/oauth-authorization-server", headers: [("If-None-Match", tag)]))
        transcript.add("its length alone", try await http.send(.init(.head, "/.well-known/oauth-authorization-server")))
        try transcript.check()
    }

    @Test("the key set")
    func jwks() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var transcript = Transcript("jwks")
        let keys = transcript.add("the public keys", try await http.get("/.well-known/jwks.json"))
        let tag = try #require(keys.headers[.eTag])
        transcript.add(
            "known already",
            try await http.get("/.well-known/jwks.json", headers: [("If-None-Match", "\"other\", W/\(tag)")]))
        _ = try await kit.server.keyDesk.rotate([:], by: kit.admin())
        kit.clock.nextSecond()
        transcript.add(
            "not any more after a rotation",
            try await http.get("/.well-known/jwks.json", headers: [("If-None-Match", tag)]))
        try transcript.check()
    }

    @Test("resource metadata")
    func resources() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var transcript = Transcript("resource-metadata")
        transcript.add("of our own (RFC 9728)", try await http.get("/.well-known/oauth-protected-resource/admin"))
        transcript.add(
            "of a registered one, for its gateway to serve",
            try await http.get("/resources/calendar/oauth-protected-resource"))
        transcript.add("of one that is not", try await http.get("/resources/nothing/oauth-protected-resource"))
        try transcript.check()
    }

    @Test("an issuer with a path")
    func path() async throws {
        let kit = try await LegateKit.start(issuer: "https://auth.example.com/t1")
        let http = try kit.http()
        var transcript = Transcript("issuer-with-path")
        transcript.add("RFC 8414 section 3.1", try await http.get("/.well-known/oauth-authorization-server/t1"))
        transcript.add("OpenID's way", try await http.get("/t1/.well-known/openid-configuration"))
        transcript.add("the admin API's own", try await http.get("/.well-known/oauth-protected-resource/t1/admin"))
        transcript.add("nothing at the root", try await http.get("/.well-known/oauth-authorization-server"))
        transcript.add(
            "nor here", try await http.post("/token", Form([("grant_type", "client_credentials")]), as: kit.planner))
        transcript.add(
            "here",
            try await http.post("/t1/token", Form([("grant_type", "client_credentials")]), as: kit.signer.with(.none)))
        try transcript.check()
    }

    @Test("what is not there, not so, or too much")
    func http() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var transcript = Transcript("http")
        transcript.add("no such path", try await http.get("/nothing"))
        transcript.add("a path that only looks like one", try await http.get("/token/"))
        transcript.add("another method", try await http.get("/token"))
        transcript.add("and another", try await http.send(.init(.delete, "/.well-known/jwks.json")))
        transcript.add("the code flow", try await http.get("/authorize?response_type=code&client_id=planner"))
        transcript.add("a token in the URL", try await http.get("/health/live?access_token=x"))
        transcript.add(
            "JSON instead of a form",
            try await http.send(
                .init(.post, "/token", headers: [("Content-Type", "application/json")], body: Array("{}".utf8)))
        )
        transcript.add(
            "a broken form",
            try await http.send(
                .init(
                    .post, "/token", headers: [("Content-Type", "application/x-www-form-urlencoded")],
                    body: Array("grant_type=%zz".utf8))))
        transcript.add(
            "a body that is too large",
            try await http.send(
                .init(
                    .post, "/token", headers: [("Content-Type", "application/x-www-form-urlencoded")],
                    body: [UInt8](repeating: 0x61, count: 65_537))
            )
        )
        transcript.add(
            "a trace goes on",
            try await http.get(
                "/health/live", headers: [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]))
        try transcript.check()
    }
}
