import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import Support
import Testing

@testable import Server

@Suite("Every route of a sealed server")
struct SealedRoutesTests {
    /// What is answered although the vault is sealed. Anything that is added to the routes is refused unless it is named
    /// here.
    private static let open: Set<String> = [
        "/health/live", "/health/ready", "/metrics", "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration", "/.well-known/jwks.json", "/.well-known/ssf-configuration",
        "/.well-known/oauth-protected-resource/admin", "/.well-known/oauth-protected-resource/vault",
        "/.well-known/oauth-protected-resource/revocations", "/admin/vault/unseal",
    ]

    @Test(
        "each route of the table is 503 with Retry-After, in the shape of its surface, or one of those that anyone may read"
    )
    func table() async throws {
        let kit = try await LegateKit.start()
        let control = SealControl(process: [:]) { _ in }
        let table = Routes(server: kit.server, metrics: Metrics(), control: control).router().routes
        let http = try HTTPTester(try await kit.sealed(by: KitOpener(kit, passphrase: "open sesame")))
        let admin = try await kit.adminToken()
        #expect(table.count > 100)
        var answered: Set<String> = []
        for route in table where route.method != .connect {
            let path = Self.example(of: route.path.description)
            let answer = try await http.send(
                .init(route.method, path, headers: [("Authorization", "Bearer \(admin)")])
            )
            if Self.open.contains(path) {
                answered.insert(path)
                continue
            }
            #expect(answer.status == 503, "\(route.method) \(path)")
            #expect(answer.headers.contains { $0.name.canonicalName == "retry-after" }, "\(route.method) \(path)")
            guard route.method != .head else { continue }
            let isProblem = ["/admin", "/vault", "/revocations"].contains { path == $0 || path.hasPrefix($0 + "/") }
            let text = answer.json[isProblem ? "detail" : "error_description"]?.string
            #expect(text?.contains("sealed") == true, "\(route.method) \(path)")
            if !isProblem { #expect(answer.json["error"] == "temporarily_unavailable", "\(route.method) \(path)") }
        }
        #expect(answered == Self.open)
    }

    @Test("what anyone may read is, sealed, what it is open; only what is signed is missing")
    func documents() async throws {
        let kit = try await LegateKit.start()
        let open = try kit.http()
        let sealed = try HTTPTester(try await kit.sealed(by: KitOpener(kit, passphrase: "open sesame")))
        for path in Self.open.sorted() where path.hasPrefix("/.well-known") {
            let (left, right) = (try await open.get(path), try await sealed.get(path))
            #expect(left.status == 200)
            #expect(left.answer.text == right.answer.text, "\(path)")
            #expect(left.headers[.eTag] == right.headers[.eTag], "\(path)")
        }
        let path = "/resources/calendar/oauth-protected-resource"
        var whole = try await open.get(path).json
        #expect(whole["signed_metadata"] != nil)
        whole["signed_metadata"] = nil
        #expect(try await sealed.get(path).json == whole)
    }

    /// `/a/{b}/**` with something in the places that are open.
    private static func example(of path: String) -> String {
        path.split(separator: "/").map { $0.hasPrefix("{") || $0.hasPrefix(":") || $0 == "**" ? "x" : String($0) }
            .reduce("") { $0 + "/" + $1 }
    }
}
