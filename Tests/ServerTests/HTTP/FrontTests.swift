import HTTPTypes
import JOSE
import OAuth
import Support
import Testing
import Vault

@Suite("The front door")
struct FrontTests {
    private let grant = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)])

    @Test("every answer has a request id of its own and is not to be sniffed")
    func everyAnswer() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        var ids: Set<String> = []
        for path in [
            "/health/live", "/nothing", "/token", "/admin/clients", "/.well-known/jwks.json", "/health/live?token=x",
        ] {
            let answer = try await http.get(path)
            ids.insert(answer.headers[try #require(HTTPField.Name("X-Request-Id"))] ?? "")
            #expect(answer.headers[try #require(HTTPField.Name("X-Content-Type-Options"))] == "nosniff")
            #expect(answer.headers[.strictTransportSecurity] == nil)
        }
        #expect(ids.count == 6 && !ids.contains(""))
    }

    @Test("anything that carries a token or a secret is not to be stored; documents are for everyone")
    func caching() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let admin = try await kit.adminToken()
        let token = try await http.post("/token", grant, as: kit.planner)
        for answer in [
            token, try await http.post("/token", Form()),
            try await http.post("/introspect", Form([("token", "x")]), as: kit.gateway),
            try await http.admin(.get, "/admin/clients/planner", token: admin), try await http.get("/nothing"),
        ] {
            #expect(answer.headers[.cacheControl] == "no-store", "\(answer.question.path)")
            #expect(answer.headers[.accessControlAllowOrigin] == nil)
        }
        for path in [
            "/.well-known/jwks.json", "/.well-known/oauth-authorization-server",
            "/resources/calendar/oauth-protected-resource",
        ] {
            let answer = try await http.get(path)
            #expect(answer.headers[.cacheControl] == "public, max-age=300")
            #expect(answer.headers[.accessControlAllowOrigin] == "*")
        }
    }

    @Test(
        "credentials in the URL are refused before anything else",
        arguments: [
            "access_token", "client_secret", "client_assertion", "subject_token", "actor_token", "token",
        ])
    func credentialsInURL(name: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        for path in ["/token?a=b&\(name)=x", "/health/live?\(name)", "/introspect?\(name)=x"] {
            let answer = try await http.post(path, grant, as: kit.planner)
            #expect(answer.status == 400)
            #expect(answer.json["error"] == "invalid_request")
        }
    }

    @Test("nothing of a request is taken from the URL")
    func queryIgnored() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let answer = try await http.post(
            "/token?grant_type=client_credentials&scope=calendar.read", Form([("resource", World.calendar.text)]),
            as: kit.planner)
        #expect(answer.status == 400)
        #expect(answer.json["error_description"] == "parameter is missing or empty: grant_type")
    }

    @Test("headers and targets that are too large are refused")
    func sizes() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        #expect(
            try await http.get("/health/live", headers: [("X-Long", String(repeating: "a", count: 16_000))]).status
                == 200)
        let large = try await http.get("/health/live", headers: [("X-Long", String(repeating: "a", count: 16_400))])
        #expect(large.status == 431)
        #expect(large.headers[.connection] == "close")
        #expect(try await http.get("/health/live?x=" + String(repeating: "a", count: 9000)).status == 414)
        let form = Form([
            ("grant_type", "client_credentials"), ("resource", World.calendar.text),
            ("x", String(repeating: "a", count: 65_000)),
        ])
        #expect(try await http.post("/token", form, as: kit.planner).status == 200)
    }

    @Test(
        "the form's content type is the form's",
        arguments: [
            ("application/x-www-form-urlencoded", 200), ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", 200),
            ("application/x-www-form-urlencoded ;charset=utf-8", 200), ("application/json", 400),
            ("multipart/form-data", 400), ("text/plain", 400),
            ("", 400), ("application/x-www-form-urlencodedx", 400),
        ])
    func contentTypes(type: String, status: Int) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let secret = try #require(kit.planner.secret)
        let answer = try await http.send(
            .init(
                .post, "/token", headers: [("Authorization", Form.basic("planner", secret)), ("Content-Type", type)],
                body: Array(grant.text.utf8))
        )
        #expect(answer.status == status)
    }

    @Test("two Authorization headers are one too many")
    func twoAuthorizations() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let answer = try await http.post("/token", grant, as: kit.planner, headers: [("Authorization", "Bearer x")])
        #expect(answer.status == 400)
        #expect(answer.json["error"] == "invalid_request")
    }

    @Test("whatever the method, a path that is there answers 405 with Allow, and HEAD is wherever GET is")
    func methods() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        for (path, allowed) in [
            ("/token", "POST"), ("/introspect", "POST"), ("/.well-known/jwks.json", "GET, HEAD"),
            ("/authorize", "GET, HEAD, POST"),
        ] {
            for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete, .options] {
                let answer = try await http.send(.init(method, path))
                if allowed.split(separator: ", ").contains(where: { $0 == method.rawValue }) {
                    #expect(answer.status != 405)
                } else {
                    #expect(answer.status == 405, "\(method) \(path)")
                    #expect(answer.headers[.allow] == allowed)
                }
                if method == .head { #expect(answer.answer.body.isEmpty, "bytes after the head of \(path)") }
            }
        }
    }

    @Test(
        "HEAD says what GET would say",
        arguments: [
            "/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/health/live", "/nothing",
            "/authorize",
        ])
    func head(path: String) async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let get = try await http.get(path)
        let head = try await http.send(.init(.head, path))
        #expect(head.status == get.status)
        #expect(head.answer.body.isEmpty)
        for field in get.headers where field.name.canonicalName != "x-request-id" {
            #expect(head.headers[field.name] == field.value, "\(field.name)")
        }
    }

    @Test("a trace is honoured in the trail, a broken one is passed over")
    func traces() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let id = "4bf92f3577b34da6a3ce929d0e0e4736"
        _ = try await http.post(
            "/token", grant, as: kit.planner, headers: [("traceparent", "00-\(id)-00f067aa0ba902b7-01")])
        #expect(try await kit.lastRecord()?.event.traceID == id)
        for broken in [
            "", "00-\(id)", "00-\(id)-00f067aa0ba902b7-01-x", "ff-\(id)-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-\(id.uppercased())-00f067aa0ba902b7-01",
        ] {
            let answer = try await http.post("/token", grant, as: kit.planner, headers: [("traceparent", broken)])
            #expect(answer.status == 200)
            #expect(try await kit.lastRecord()?.event.traceID == nil, "\(broken)")
        }
    }

    @Test("the request id of the answer is the one in the trail")
    func requestID() async throws {
        let kit = try await LegateKit.start()
        let http = try kit.http()
        let answer = try await http.post("/token", grant, as: kit.planner)
        #expect(
            try await kit.lastRecord()?.event.requestID == answer.headers[try #require(HTTPField.Name("X-Request-Id"))])
    }
}
