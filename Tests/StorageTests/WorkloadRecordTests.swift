import JOSE
import OAuth
import Storage
import Support
import Testing

@Suite("Platforms and workloads in the database")
struct WorkloadRecordTests {
    private func file(_ name: String) throws -> TrustFile { try #require(TrustFile(name)) }

    @Test("issuers of every kind keep every member", arguments: Engine.allCases)
    func issuers(_ engine: Engine) async throws {
        let domain = try #require(TrustDomain("example.org"))
        let key = try TestKeys.key(.es256)
        var entry = key.publicKey.json
        entry["use"] = "jwt-svid"
        let bundle: JSONObject = ["keys": [.object(entry)], "spiffe_sequence": 3]
        let name = try Sample.issuer("a").name
        let mesh = TrustedIssuer(
            name: name, url: IssuerURL(domain), kind: .spiffe,
            keys: .set(try SPIFFEBundle(json: .object(bundle)).jwtKeys, text: bundle.text), singleUse: true,
            maxTokenLife: 300, createdAt: Sample.time
        )
        let cluster = TrustedIssuer(
            name: try Sample.issuer("b").name, url: try Sample.issuer("b").url, kind: .kubernetes,
            keys: .uri("https://k8s.example.com/jwks"), authorityFile: try file("ca.crt"),
            tokenFile: try file("token"), createdAt: Sample.time
        )
        let byFile = TrustedIssuer(
            name: try Sample.issuer("c").name, url: try Sample.issuer("c").url, keys: .file(try file("c.json")),
            createdAt: Sample.time
        )
        let installation = try await Installation.open(engine)
        let made = [mesh, cluster, byFile]
        for issuer in made { #expect(try await installation.commit(.create(.issuer(issuer))) == nil) }
        let loaded = try await installation.reopened().load().issuers
        #expect(loaded.sorted { $0.name < $1.name } == made)
        if case .set(let keys, _)? = loaded.first(where: { $0.kind == .spiffe })?.keys {
            #expect(keys.keys.map(\.keyID) == [key.keyID])
        }
    }

    @Test("a client keeps its SPIFFE ID", arguments: Engine.allCases)
    func spiffeID(_ engine: Engine) async throws {
        var client = Sample.bareClient("rover")
        client.authentication = .spiffeJWT
        let fleet = try #require(SPIFFEPattern("spiffe://example.org/fleet/*"))
        client.spiffeID = fleet
        let installation = try await Installation.open(engine)
        #expect(try await installation.commit(.create(.client(client))) == nil)
        #expect(try await installation.reopened().load().clients == [client])
    }
}
