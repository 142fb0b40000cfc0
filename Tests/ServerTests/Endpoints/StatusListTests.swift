import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

@Suite("Status lists over HTTP")
struct StatusListTests {
    private func start() async throws -> (kit: LegateKit, http: HTTPTester, path: String) {
        let kit = try await LegateKit.start()
        try await kit.update(.resource, "calendar", ["status_list": true])
        kit.clock.nextSecond()
        let list = try #require(try await kit.token(kit.planner).token.status).list
        return (kit, try kit.http(), "/status-lists/\(list)")
    }

    @Test("a list is public, cacheable for its ttl, and open to scripts")
    func served() async throws {
        let (_, http, path) = try await start()
        let answer = try await http.get(path)
        #expect(answer.status == 200)
        #expect(answer.headers[.contentType] == "application/statuslist+jwt")
        #expect(answer.headers[.cacheControl] == "public, max-age=10")
        #expect(answer.headers[.accessControlAllowOrigin] == "*" && answer.headers[.vary] == "Accept")
        let tag = try #require(answer.headers[.eTag])
        let again = try await http.get(path, headers: [("If-None-Match", tag)])
        #expect(again.status == 304 && again.answer.body.isEmpty && again.headers[.eTag] == tag)
        #expect(
            try await http.get("/status-lists").json["status_lists"]?.array == [
                .string("https://auth.example.com\(path)")
            ])
    }

    @Test(
        "only JWT lists are served",
        arguments: [
            ("application/statuslist+jwt", 200), ("text/html, */*;q=0.1", 200), ("APPLICATION/*", 200),
            ("application/statuslist+cwt", 406), ("application/statuslist+jwt;q=0", 406), ("text/*", 406),
            ("application/statuslist+jwt; q=0.0, text/html", 406),
        ])
    func accept(_ accept: String, _ status: Int) async throws {
        let (_, http, path) = try await start()
        #expect(try await http.get(path, headers: [("Accept", accept)]).status == status)
    }

    @Test("what is not there is 404, and the past is not known")
    func refused() async throws {
        let (kit, http, path) = try await start()
        for name in ["x", "..%2fadmin", "%00", "%ff", String(repeating: "a", count: 65)] {
            #expect(try await http.get("/status-lists/\(name)").status == 404)
        }
        #expect(try await http.get(path + "?time=1").status == 501)
        kit.clock.advance(seconds: 301)
        try await kit.server.prune()
        #expect(try await http.get(path).status == 404)
    }
}
