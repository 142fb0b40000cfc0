import Certificates
import JOSE
import OAuth
import Support
import Testing

@testable import Server

/// A search for the path of a certificate costs up to n! signatures. Who orders one has named a client that needs it.
@Suite("Searches for the paths of certificates")
struct CertificateSearchTests {
    private let authority: TestAuthority
    private let stranger: TestAuthority
    private let authorities: ClientAuthorities
    private let http: HTTPTester

    init() async throws {
        let kit = try await LegateKit.start()
        authority = try TestAuthority()
        stranger = try TestAuthority()
        authorities = try ClientAuthorities(path: nil, now: kit.clock.now)
        authorities.judge.replace(try authority.anchors)
        let range = try #require(AddressRange("192.0.2.0/24"))
        let proxies = try #require(TrustedProxies([range], field: TrustedProxies.standardField))
        http = try HTTPTester(kit.sealable(), proxies: proxies, authorities: authorities)
        _ = try await kit.createAgent(
            "named", auth: "tls_client_auth", with: ["tls_client_auth_san_dns": "agent.example.com"])
    }

    /// What the proxy hands on: a certificate, and authorities that sign each other.
    private func shown(_ dnsName: String) throws -> [(String, String)] {
        let leaf = try stranger.issue(.init("agent", dnsNames: [dnsName]))
        let others = try [stranger, stranger.twin(), stranger.twin(), stranger.twin()]
        return [Self.field("Client-Cert", leaf.der)] + others.map { Self.field("Client-Cert-Chain", $0.der) }
    }

    private static func field(_ name: String, _ der: [UInt8]) -> (String, String) {
        (name, ":\(Base64Text.encode(der)):")
    }

    private func ask(_ client: String, _ headers: [(String, String)]) async throws -> Int {
        let form = Form([
            ("grant_type", "client_credentials"), ("resource", World.calendar.text), ("client_id", client),
        ])
        return try await http.post("/token", form, headers: headers).status
    }

    @Test("no path is looked for where no client is named that needs one")
    func nobody() async throws {
        let headers = try shown("agent.example.com")
        for path in ["/health/live", "/nowhere", "/.well-known/jwks.json"] {
            _ = try await http.get(path, headers: headers)
        }
        for client in ["nobody", "planner", "signer", "x y"] {
            #expect(try await ask(client, headers) == 401)
        }
        // The client's name is compared first: that costs nothing.
        #expect(try await ask("named", try shown("other.example.com")) == 401)
        #expect(authorities.judge.searches == 0)
    }

    @Test("and where one is, a chain is searched once")
    func once() async throws {
        let headers = try shown("agent.example.com")
        for _ in 0..<3 { #expect(try await ask("named", headers) == 401) }
        #expect(authorities.judge.searches == 1)
    }

    @Test("a good certificate still proves its client")
    func good() async throws {
        let certificate = try authority.issue(.init("agent", dnsNames: ["agent.example.com"]))
        for _ in 0..<2 { #expect(try await ask("named", [Self.field("Client-Cert", certificate.der)]) == 200) }
        #expect(authorities.judge.searches == 1)
    }
}
