import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

@Suite("The vault's references")
struct WrapTests {
    /// A world in which `reader` may read `payments/stripe`, and `other` may read something else.
    private static func start() async throws -> (kit: LegateKit, reader: String, other: String) {
        let kit = try await LegateKit.start()
        func token(_ id: String) async throws -> (Party, String) {
            let party = try await kit.createAgent(id, scopes: ["secrets:read"], resources: [kit.vault])
            return (party, try await kit.token(party, for: kit.vault).accessToken)
        }
        let (reader, first) = try await token("reader")
        let (other, second) = try await token("other")
        try await kit.keep("payments/stripe", readers: [reader])
        try await kit.keep("others", readers: [other])
        return (kit, first, second)
    }

    @Test("a reference instead of the value, which opens once")
    func wrapping() async throws {
        let (kit, reader, other) = try await Self.start()
        let http = try kit.http()
        let wrapped = try await http.admin(.get, "/vault/values/payments/stripe?wrap_ttl=60", token: reader)
        #expect(wrapped.status == 200 && wrapped.headers[.cacheControl] == "no-store")
        #expect(!wrapped.answer.text.contains("s3cr3t"))
        #expect(wrapped.json["name"]?.string == "payments/stripe" && wrapped.json["version"]?.integer == 1)
        let reference = try #require(wrapped.json["reference"])
        let opened = try await http.admin(.post, "/vault/unwrap", token: other, ["reference": reference])
        #expect(opened.status == 200 && opened.headers[.cacheControl] == "no-store")
        #expect(opened.json["value"]?.string == "s3cr3t")
        #expect(opened.json["lease"]?.object?["lease_id"] == wrapped.json["lease"]?.object?["lease_id"])
        let again = try await http.admin(.post, "/vault/unwrap", token: other, ["reference": reference])
        #expect(again.status == 409 && !again.answer.text.contains("s3cr3t"))
        #expect(again.headers[.contentType] == "application/problem+json")
    }

    @Test("what is forbidden and what does not exist cannot be told apart")
    func isolation() async throws {
        let (kit, _, other) = try await Self.start()
        let http = try kit.http()
        func look(_ path: String) async throws -> (Int, HTTPFields, JSONObject) {
            let answer = try await http.admin(.get, path, token: other)
            var headers = answer.headers
            headers[values: .init("X-Request-Id") ?? .server] = []
            var body = answer.json
            body["instance"] = nil
            body["request_id"] = nil
            return (answer.status, headers, body)
        }
        let forbidden = try await look("/vault/values/payments/stripe?wrap_ttl=60")
        let missing = try await look("/vault/values/payments/absent?wrap_ttl=60")
        #expect(forbidden.0 == 404 && forbidden == missing)
    }

    @Test(
        "a reference is needed, and nothing else",
        arguments: ["{}", #"{"reference":7}"#, #"{"reference":"x","a":1}"#, "[]"])
    func bodies(body: String) async throws {
        let (kit, reader, _) = try await Self.start()
        let answer = try await kit.http().send(
            .init(
                .post, "/vault/unwrap",
                headers: [("Authorization", "Bearer \(reader)"), ("Content-Type", "application/json")],
                body: Array(body.utf8)
            )
        )
        #expect(answer.status == 400)
    }

    @Test(
        "how long it shall be good must be said in seconds", arguments: ["0", "-1", "86401", "1h", "", "60&wrap_ttl=5"])
    func lifetimes(text: String) async throws {
        let (kit, reader, _) = try await Self.start()
        let path = "/vault/values/payments/stripe?wrap_ttl=\(text)"
        #expect(try await kit.http().admin(.get, path, token: reader).status == 400)
    }

    @Test("without a live token for the vault nothing is opened")
    func strangers() async throws {
        let (kit, reader, other) = try await Self.start()
        let http = try kit.http()
        let wrapped = try await http.admin(.get, "/vault/values/payments/stripe?wrap_ttl=60", token: reader)
        let body: JSONObject = ["reference": try #require(wrapped.json["reference"])]
        let admin = try await kit.adminToken()
        for token in [nil, "garbage", admin] {
            #expect(try await http.admin(.post, "/vault/unwrap", token: token, body).status == 401)
        }
        #expect(try await http.admin(.get, "/vault/unwrap", token: other).status == 405)
        #expect(try await http.admin(.post, "/vault/unwrap", token: other, body).status == 200)
    }
}
