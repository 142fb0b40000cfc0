import JOSE
import Support
import Testing

@testable import OAuth

@Suite("Registering platforms and their workloads")
struct WorkloadRegistrationTests {
    private let domain: JSONObject = [
        "name": "mesh", "issuer": "spiffe://example.org", "kind": "spiffe", "jwks_uri": "https://spire.example.org/b",
    ]

    private func agent(_ more: JSONObject) -> JSONObject {
        let draft: JSONObject = [
            "client_id": "rover", "name": "rover", "scopes": ["calendar.read"],
            "resources": [.string(World.calendar.text)], "auth": "spiffe_jwt",
            "spiffe_id": "spiffe://example.org/rover",
        ]
        return draft.merging(patch: more)
    }

    @Test("a trust domain is named by its SPIFFE ID, an issuer of another kind by its URL")
    func names() async throws {
        let kit = try await LegateKit.start()
        for name in ["example.org", "spiffe://Example.org", "spiffe://example.org/", "https://example.org"] {
            await expectInvalid("issuer") {
                try await kit.create(.issuer, domain.merging(patch: ["issuer": .string(name)]))
            }
        }
        await expectInvalid("issuer") { try await kit.create(.issuer, domain.merging(patch: ["kind": "kubernetes"])) }
        await expectInvalid("issuer") { try await kit.create(.issuer, domain.merging(patch: ["kind": .null])) }
        await expectInvalid("kind", "issuer") {
            try await kit.create(.issuer, domain.merging(patch: ["kind": "ldap"]))
        }
        try await kit.create(.issuer, domain)
        await expectInvalid("kind") { try await kit.update(.issuer, "mesh", ["kind": "oidc"]) }
    }

    @Test("what is not said has the usual value of its kind")
    func defaults() async throws {
        let kit = try await LegateKit.start()
        let mesh = try #require(try await kit.create(.issuer, domain).created as? TrustedIssuer)
        #expect(!mesh.singleUse)
        #expect(mesh.maxTokenLife == 3600)
        let draft: JSONObject = ["name": "k8s", "issuer": "https://k8s.example", "jwks_uri": "https://k8s.example/j"]
        let cluster = try #require(
            try await kit.create(.issuer, draft.merging(patch: ["kind": "kubernetes"])).created as? TrustedIssuer)
        #expect(!cluster.singleUse)
        #expect(cluster.maxTokenLife == 86_400)
        let other: JSONObject = ["name": "idp", "issuer": "https://i.example"]
        let provider = try #require(
            try await kit.create(.issuer, draft.merging(patch: other)).created as? TrustedIssuer)
        #expect(provider.kind == .oidc)
        #expect(provider.singleUse)
    }

    @Test("a registered bundle is a bundle: a key set is none, and the other way round")
    func documents() async throws {
        let kit = try await LegateKit.start()
        let key = try TestKeys.key(.es256)
        let bundle: JSON = .object(Mesh.bundle(key))
        let broken: JSON = .object(["keys": [.object(["use": "jwt-svid", "kty": "EC"])]])
        await expectInvalid("jwks") {
            try await kit.create(.issuer, domain.merging(patch: ["jwks_uri": .null, "jwks": broken]))
        }
        await expectInvalid("jwks") {
            try await kit.create(
                .issuer, ["name": "idp", "issuer": "https://idp2.example.com", "jwks": bundle])
        }
        try await kit.create(.issuer, domain.merging(patch: ["jwks_uri": .null, "jwks": bundle]))
        let restarted = try await kit.restarted()
        let name = try #require(TrustDomain("example.org"))
        let header = try UnverifiedJWT(try key.sign(["sub": "x"])).header
        #expect(try await restarted.server.spiffeBundles.key(for: header, of: name).keyID == key.keyID)
    }

    @Test("a registered bundle that can verify no SVID is refused, and one that has become so can be disabled")
    func uselessBundle() async throws {
        let kit = try await LegateKit.start()
        func register(_ entries: JSON...) async throws {
            let bundle: JSON = .object(["keys": .array(entries)])
            try await kit.create(.issuer, domain.merging(patch: ["jwks_uri": .null, "jwks": bundle]))
        }
        let key = try TestKeys.key(.es256)
        await expectInvalid("jwks") { try await register() }
        await expectInvalid("jwks") { try await register(Mesh.entry(key, use: "sig")) }
        await expectInvalid("jwks") { try await register(Mesh.entry(try TestKeys.key(.ed25519))) }
        try await register(Mesh.entry(key, use: "sig"), Mesh.entry(key))
        await expectInvalid("jwks") { try await kit.update(.issuer, "mesh", ["jwks": .object(["keys": []])]) }

        let name = try #require(IssuerName("mesh"))
        var old = try #require(kit.server.registry.issuer(name))
        old.keys = .set(JWKSet(keys: []), text: #"{"keys":[]}"#)
        old.revision = 2
        try await kit.server.ledger.commit(Entry(changes: [.update(.issuer(old), from: 1)]))
        try await kit.update(.issuer, "mesh", ["enabled": false])
        #expect(kit.server.registry.issuer(name)?.enabled == false)
    }

    @Test(
        "a file is named by its bare name, so that no other file of the machine can be reached",
        arguments: [
            "../root.key", "/etc/passwd", "a/b", ".hidden", "", "a b", "a\u{0}", String(repeating: "a", count: 65),
        ])
    func files(name: String) async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("jwks_file") {
            try await kit.create(.issuer, domain.merging(patch: ["jwks_uri": .null, "jwks_file": .string(name)]))
        }
        await expectInvalid("ca_file") {
            try await kit.create(.issuer, domain.merging(patch: ["ca_file": .string(name)]))
        }
    }

    @Test(
        "ATTACK an operator names a host of their own to be shown the cluster's token: its authority must vouch for it")
    func tokenNeedsAuthority() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("token_file") { try await kit.create(.issuer, domain.merging(patch: ["token_file": "t"])) }
        await expectInvalid("ca_file", "token_file") {
            try await kit.create(
                .issuer,
                domain.merging(patch: ["jwks_uri": .null, "jwks_file": "b", "ca_file": "ca.crt", "token_file": "t"]))
        }
        await expectInvalid("ca_file") {
            try await kit.create(
                .issuer, domain.merging(patch: ["jwks_uri": "http://127.0.0.1/b", "ca_file": "ca.crt"]))
        }
        try await kit.create(.issuer, domain.merging(patch: ["ca_file": "ca.crt", "token_file": "token"]))
        await expectInvalid("token_file") { try await kit.update(.issuer, "mesh", ["ca_file": .null]) }
        let kept = try await kit.restarted().server.registry.issuer(try #require(IssuerName("mesh")))
        #expect(kept?.authorityFile?.text == "ca.crt")
        #expect(kept?.keySource?.token?.text == "token")
    }

    @Test("the claims of a platform are what they are")
    func claims() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("subject_claim") {
            try await kit.create(.issuer, domain.merging(patch: ["subject_claim": "email"]))
        }
        for life in [0, 59, 604_801] as [JSON] {
            await expectInvalid("max_token_life") {
                try await kit.create(.issuer, domain.merging(patch: ["max_token_life": life]))
            }
        }
    }

    @Test("a SPIFFE ID is of a trust domain that is trusted, and of one client")
    func spiffeID() async throws {
        let kit = try await LegateKit.start()
        await expectInvalid("spiffe_id") { try await kit.create(.client, agent([:])) }
        try await kit.create(.issuer, domain)
        await expectInvalid("spiffe_id") { try await kit.create(.client, agent(["spiffe_id": .null])) }
        for id in ["spiffe://example.com/rover", "spiffe://example.org", "spiffe://example.org/*", "rover"] {
            await expectInvalid("spiffe_id") { try await kit.create(.client, agent(["spiffe_id": .string(id)])) }
        }
        await expectInvalid("spiffe_id") { try await kit.create(.client, agent(["auth": "client_secret_basic"])) }
        try await kit.create(.client, agent([:]))
        for id in ["spiffe://example.org/rover", "spiffe://example.org/rover/*"] {
            let other = agent(["client_id": "other", "spiffe_id": .string(id)])
            guard id.hasSuffix("*") else {
                await expectInvalid("spiffe_id") { try await kit.create(.client, other) }
                continue
            }
            try await kit.create(.client, other)
        }
        await expectInvalid("spiffe_id") {
            try await kit.create(
                .client, agent(["client_id": "third", "spiffe_id": "spiffe://example.org/rover/a"]))
        }
    }

    @Test("ATTACK a workload that stands for one client is mapped to another by the other road")
    func bothRoads() async throws {
        let kit = try await LegateKit.start()
        try await kit.create(.issuer, domain)
        try await kit.create(.client, agent([:]))
        let workload: JSON = .object(["issuer": "mesh", "subject": "spiffe://example.org/rover"])
        await expectInvalid("workloads") { try await kit.update(.client, "planner", ["workloads": [workload]]) }
        await expectInvalid("workloads") { try await kit.update(.client, "rover", ["workloads": [workload]]) }
        for subject in ["rover", "spiffe://example.com/x", "spiffe://example.org"] {
            let workload: JSON = .object(["issuer": "mesh", "subject": .string(subject)])
            await expectInvalid("workloads") { try await kit.update(.client, "planner", ["workloads": [workload]]) }
        }
    }

    @Test("everything is there after a restart, and a client that gives up its SPIFFE ID is not found by it any more")
    func restart() async throws {
        var (kit, mesh, rover) = try await Mesh.start()
        kit = try await kit.restarted()
        mesh = Mesh(kit: kit)
        rover = rover.with(.none)
        try await kit.token(rover, with: Mesh.proof(try mesh.svid()))
        try await kit.update(.client, "rover", ["spiffe_id": "spiffe://example.org/rover2"])
        await expectRefusal(.invalidClient) { try await kit.token(rover, with: Mesh.proof(try mesh.svid())) }
        try await kit.token(rover, with: Mesh.proof(try mesh.svid("/rover2")))
        try await kit.delete(.client, "rover")
        await expectRefusal(.invalidClient) { try await kit.token(rover, with: Mesh.proof(try mesh.svid("/rover2"))) }
    }
}
