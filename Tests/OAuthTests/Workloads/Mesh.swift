import JOSE
import OAuth
import Support
import Testing

/// A SPIFFE trust domain as a test plays it: it publishes a bundle and signs JWT-SVIDs.
struct Mesh {
    static let bundleURL = "https://spire.example.org/bundle"

    let kit: LegateKit
    var domain = "example.org"

    /// A server that trusts `example.org` by its bundle endpoint, with the agent `rover` whose SPIFFE ID is `/rover`.
    static func start(_ client: JSONObject = [:]) async throws -> (kit: LegateKit, mesh: Mesh, rover: Party) {
        let kit = try await LegateKit.start()
        let mesh = Mesh(kit: kit)
        try mesh.publish(try TestKeys.key(.es256))
        try await mesh.trust()
        let draft: JSONObject = [
            "auth": "spiffe_jwt", "spiffe_id": "spiffe://example.org/rover", "owner": "mesh@example.com",
        ]
        let rover = try await kit.createAgent(
            "rover", scopes: ["calendar.read"], resources: [World.calendar],
            grants: ["client_credentials", "token_exchange"], with: draft.merging(patch: client)
        )
        return (kit, mesh, rover)
    }

    /// Registers the trust domain under the name `mesh`.
    func trust(name: String = "mesh", _ more: JSONObject = [:]) async throws {
        let draft: JSONObject = [
            "name": .string(name), "issuer": .string("spiffe://\(domain)"), "kind": "spiffe",
            "jwks_uri": .string(Self.bundleURL),
        ]
        try await kit.create(.issuer, draft.merging(patch: more))
    }

    /// The entry of a bundle for a key.
    static func entry(_ key: SigningKey, use: String = "jwt-svid") -> JSON {
        var entry = key.publicKey.json
        entry["use"] = .string(use)
        entry["alg"] = nil
        return .object(entry)
    }

    static func bundle(_ keys: SigningKey..., sequence: Int64 = 1, hint: Int64 = 60) -> JSONObject {
        [
            "keys": .array(keys.map { entry($0) }), "spiffe_sequence": .integer(sequence),
            "spiffe_refresh_hint": .integer(hint),
        ]
    }

    /// Puts a bundle at the endpoint.
    func publish(_ key: SigningKey, sequence: Int64 = 1) throws {
        kit.fetcher.put(Self.bundle(key, sequence: sequence), at: Self.bundleURL)
    }

    /// An SVID, right in every respect, with `claims` put over its own; a null removes one.
    func svid(
        _ path: String = "/rover", claims: JSONObject = [:], type: String? = "JWT", key: SigningKey? = nil,
        isNamed: Bool = true, lifetime: Int64 = 300
    ) throws -> String {
        let now = kit.clock.time.seconds
        let right: JSONObject = [
            "sub": .string("spiffe://\(domain)\(path)"), "aud": [.string(kit.issuer.text)], "iat": .integer(now),
            "exp": .integer(now + lifetime),
        ]
        return try (key ?? TestKeys.key(.es256)).sign(right.merging(patch: claims), type: type, isNamed: isNamed)
    }

    /// The parameters that carry an SVID as the client's proof.
    static func proof(_ svid: String) -> [String: String] {
        [
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
            "client_assertion": svid,
        ]
    }
}

/// A Kubernetes cluster as a test plays it: it signs bound service-account tokens.
struct Cluster {
    static let url = "https://kubernetes.default.svc.cluster.local"
    static let runner = "system:serviceaccount:jobs:runner"

    let kit: LegateKit

    /// A server that trusts the cluster under the name `k8s`, with the agent `crawler` that is its service account.
    static func start(
        _ issuer: JSONObject = [:]
    ) async throws -> (kit: LegateKit, cluster: Cluster, crawler: Party) {
        let kit = try await LegateKit.start()
        let draft: JSONObject = [
            "name": "k8s", "issuer": .string(url), "kind": "kubernetes",
            "jwks": .object(TestKeys.jwks(try TestKeys.key(.es256))),
        ]
        try await kit.create(.issuer, draft.merging(patch: issuer))
        let crawler = try await kit.createAgent(
            "crawler", scopes: ["calendar.read"], resources: [World.calendar],
            grants: ["client_credentials", "token_exchange"],
            with: [
                "auth": "workload", "workloads": [.object(["issuer": "k8s", "subject": .string(runner)])],
            ]
        )
        return (kit, Cluster(kit: kit), crawler)
    }

    /// - Parameter bound: all of the claim `kubernetes.io`.
    func token(
        namespace: String = "jobs", account: String = "runner", claims: JSONObject = [:], bound: JSON? = nil,
        key: SigningKey? = nil, lifetime: Int64 = 3600
    ) throws -> String {
        let now = kit.clock.time.seconds
        let usual: JSONObject = [
            "namespace": .string(namespace),
            "serviceaccount": .object(["name": .string(account), "uid": "5f0a"]),
            "pod": .object(["name": "crawler-7d9f", "uid": "77aa"]),
            "warnafter": .integer(now + 600),
        ]
        let right: JSONObject = [
            "iss": .string(Self.url), "sub": .string("system:serviceaccount:\(namespace):\(account)"),
            "aud": [.string(kit.issuer.text)], "iat": .integer(now), "nbf": .integer(now),
            "exp": .integer(now + lifetime), "jti": "0bc1", "kubernetes.io": bound ?? .object(usual),
        ]
        return try (key ?? TestKeys.key(.es256)).sign(right.merging(patch: claims), type: nil)
    }

    /// The parameters that carry a token as the client's proof.
    static func proof(_ token: String) -> [String: String] {
        [
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": token,
        ]
    }
}
