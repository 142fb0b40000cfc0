import HTTPTypes
import Testing

@testable import Server

@Suite("The agent's call, as gateways describe it")
struct ForwardedCallTests {
    private func description(
        _ method: HTTPRequest.Method = .get, _ path: String = "/check", _ headers: [(String, String)] = []
    ) throws -> String {
        var fields = HTTPFields()
        for (name, value) in headers {
            fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
        }
        return ForwardedCall.description(method, path, fields, at: "/check")
    }

    @Test("method and path from the headers of Caddy, Traefik and nginx, never the query")
    func headers() throws {
        #expect(
            try description(.get, "/check", [("X-Forwarded-Method", "PUT"), ("X-Forwarded-Uri", "/a/b?key=secret")])
                == "PUT /a/b")
        #expect(
            try description(.get, "/check", [("X-Original-Method", "PUT"), ("X-Original-URI", "/a/b#key")])
                == "PUT /a/b")
        #expect(
            try description(.get, "/check", [("X-Original-URI", "https://u:secret@example.com/a?b")]) == "GET /a")
        #expect(try description(.get, "/check", [("X-Forwarded-Uri", "*")]) == "GET *")
    }

    @Test("without headers the path that was appended, or our own")
    func suffix() throws {
        #expect(try description(.delete, "/check/a/b") == "DELETE /a/b")
        #expect(try description(.get, "/check") == "GET /check")
        #expect(try description(.get, "/check/") == "GET /")
        for nonsense in ["", "a/b", "mailto:x", "?a", "https:/x", "https://host"] {
            #expect(try description(.get, "/check", [("X-Forwarded-Uri", nonsense)]) == "GET /check", "\(nonsense)")
        }
        #expect(
            try description(.get, "/check", [("X-Forwarded-Method", "A B"), ("X-Forwarded-Uri", "/a")]) == "GET /a")
    }

    @Test("what an agent adds stands beside what the gateway says")
    func ambiguous() throws {
        #expect(
            try description(
                .get, "/check",
                [
                    ("X-Forwarded-Method", "GET"), ("X-Original-Method", "DELETE"), ("X-Forwarded-Uri", "/harmless"),
                    ("X-Original-URI", "/orders/7"), ("X-Original-URI", "/harmless"),
                ]) == "GET|DELETE /harmless|/orders/7")
        #expect(try description(.get, "/check/a", [("X-Forwarded-Uri", "/b|/c")]) == "GET /a|/b%7C/c")
    }

    @Test("it is short, and visible ASCII")
    func bounded() throws {
        let long = try description(.get, "/check", [("X-Forwarded-Uri", "/" + String(repeating: "ä", count: 2000))])
        #expect(long.utf8.count == 256)
        #expect(long.hasPrefix("GET /%C3%A4%C3%A4"))
        #expect(try description(.get, "/check", [("X-Forwarded-Uri", "/a b\té")]) == "GET /a%20b%09%C3%A9")
    }
}
