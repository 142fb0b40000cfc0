import HTTPTypes
import JOSE
import OAuth
import Support
import Testing

/// The hope: a header that names another host sends clients there (RFC 9700 section 4.13).
@Suite("Attack: host header")
struct HostHeaderTests {
    private let lies = [
        ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http"),
        ("Forwarded", "host=evil.example;proto=http"),
        ("X-Original-URL", "/admin/clients"), ("X-Rewrite-URL", "/admin/clients"), ("X-Forwarded-Prefix", "/evil"),
    ]

    @Test("no document, challenge or Location names anything but the issuer")
    func documents() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let token = try await kit.adminToken()
        for path in [
            "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/admin",
            "/resources/calendar/oauth-protected-resource", "/admin/clients", "/nothing",
        ] {
            var question = HTTPExchange.Question(.get, path, headers: lies)
            question.authority = "evil.example"
            let answer = try await http.send(question)
            let honest = try await http.get(path)
            #expect(answer.status == honest.status)
            #expect(!answer.answer.text.contains("evil.example"))
            for field in answer.headers { #expect(!field.value.contains("evil.example")) }
            #expect(answer.headers[.wwwAuthenticate] == honest.headers[.wwwAuthenticate])
        }
        var create = HTTPExchange.Question(
            .post, "/admin/clients",
            headers: lies + [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
            body: Array(#"{"client_id":"new","name":"New"}"#.utf8)
        )
        create.authority = "evil.example"
        #expect(try await http.send(create).headers[.location] == "https://auth.example.com/admin/clients/new")
    }

    @Test("a token issued under another host name is the issuer's")
    func issuer() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let secret = try #require(kit.planner.secret)
        var question = HTTPExchange.Question(
            .post, "/token",
            headers: lies + [
                ("Authorization", Form.basic("planner", secret)), ("Content-Type", "application/x-www-form-urlencoded"),
            ],
            body: Array(Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)]).text.utf8)
        )
        question.authority = "evil.example"
        let answer = try await http.send(question)
        let token = try #require(answer.json["access_token"]?.string)
        #expect(try await kit.introspect(token, by: kit.gateway)["iss"]?.string == kit.issuer.text)
    }

    @Test("a client's address is the connection's: a header does not escape the throttle")
    func throttle() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let form = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)])
        for index in 0..<10 {
            let forwarded = [
                ("X-Forwarded-For", "198.51.100.\(index)"), ("X-Real-IP", "198.51.100.\(index)"),
                ("Forwarded", "for=198.51.100.\(index)"),
            ]
            #expect(
                try await http.post("/token", form, as: kit.planner.with(.basic("guess")), headers: forwarded).status
                    == 401)
        }
        #expect(
            try await http.post("/token", form, as: kit.planner, headers: [("X-Forwarded-For", "198.51.100.99")]).status
                == 429)
        #expect(try await kit.http(peer: "192.0.2.2").post("/token", form, as: kit.planner).status == 200)
    }
}
