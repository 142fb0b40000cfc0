import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("spiffe_jwt")
struct SPIFFEJWTMethodTests {
    @discardableResult
    private func token(
        _ kit: LegateKit, _ party: Party, _ svid: String, with more: [String: String] = [:]
    ) async throws -> TokenResponse {
        try await kit.token(party.with(.none), with: Mesh.proof(svid).merging(more) { $1 })
    }

    /// Expects `invalid_client`, and lets a minute pass so that the throttle has nothing to say.
    private func refused(
        _ kit: LegateKit, _ party: Party, _ svid: String, with more: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        await expectRefusal(.invalidClient, sourceLocation: sourceLocation) {
            try await token(kit, party, svid, with: more)
        }
        kit.clock.advance(seconds: 60)
    }

    @Test("a JWT-SVID proves the client whose SPIFFE ID it names, and the audit record says which workload it was")
    func proves() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        let response = try await token(kit, rover, try mesh.svid())
        #expect(response.token.clientID == rover.id)
        let record = try #require(try await kit.lastRecord())
        #expect(record.event.policyEvaluation?.reason == "workload mesh=spiffe://example.org/rover")
    }

    @Test("typ may be JWT, JOSE or absent, but not that of another kind of token")
    func types() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        for type in ["JWT", "JOSE", nil] { try await token(kit, rover, try mesh.svid(type: type)) }
        for type in ["at+jwt", "wit+jwt", "client-authentication+jwt"] {
            await refused(kit, rover, try mesh.svid(type: type))
        }
    }

    @Test("the client may be named by its client_id or its SPIFFE ID, and by no other name")
    func clientID() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        try await token(kit, rover, try mesh.svid(), with: ["client_id": "rover"])
        try await token(kit, rover, try mesh.svid(), with: ["client_id": "spiffe://example.org/rover"])
        for name in ["planner", "spiffe://example.org/other"] {
            await refused(kit, rover, try mesh.svid(), with: ["client_id": name])
        }
    }

    @Test("a client may be all workloads below a path")
    func path() async throws {
        let (kit, mesh, rover) = try await Mesh.start(["spiffe_id": "spiffe://example.org/fleet/*"])
        try await token(kit, rover, try mesh.svid("/fleet/a"))
        try await token(kit, rover, try mesh.svid("/fleet/a/b"))
        await refused(kit, rover, try mesh.svid("/fleet"))
        await refused(kit, rover, try mesh.svid("/fleets/a"))
    }

    @Test("an SVID is shown again until it is old, for so agents of SPIFFE hand it out")
    func again() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        let svid = try mesh.svid(claims: ["jti": "7"])
        for _ in 0..<3 { try await token(kit, rover, svid) }
        kit.clock.advance(seconds: 300)
        await refused(kit, rover, svid)
    }

    @Test("ATTACK an SVID is replayed where the operator says that each counts once")
    func replay() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        try await kit.update(.issuer, "mesh", ["single_use": true])
        let svid = try mesh.svid(claims: ["jti": "7"])
        try await token(kit, rover, svid)
        await refused(kit, rover, svid)
        await refused(kit, rover, try mesh.svid())
    }

    @Test("ATTACK an SVID of another trust domain names our workload")
    func otherTrustDomain() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        let other = Mesh(kit: kit, domain: "evil.example")
        let key = try TestKeys.stranger()
        let document = Mesh.bundle(key)
        try await other.trust(name: "evil", ["jwks_uri": .null, "jwks": .object(document)])
        // Signed by the other domain's key, in the name of ours; and in the other domain's own name.
        await refused(kit, rover, try mesh.svid(key: key))
        await refused(kit, rover, try other.svid(key: key))
        await refused(kit, rover, try other.svid())
    }

    @Test("ATTACK an SVID for somebody else, or for somebody else too, is shown to us")
    func audience() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        let wrong: [JSON] = [
            "https://other.example.com", ["https://other.example.com"], .null, [],
            [.string(kit.issuer.text), "https://other.example.com"], .string(kit.issuer.text + "/token"),
        ]
        for audience in wrong { await refused(kit, rover, try mesh.svid(claims: ["aud": audience])) }
    }

    @Test("ATTACK a key that is there for X.509-SVIDs signs a JWT-SVID")
    func otherUse() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        let authority = try TestKeys.stranger()
        var entry = Mesh.entry(authority, use: "x509-svid").object ?? [:]
        entry["x5c"] = ["MAMCAQE="]
        let key = Mesh.entry(try TestKeys.key(.es256))
        kit.fetcher.put(["keys": [.object(entry), key]], at: Mesh.bundleURL)
        await refused(kit, rover, try mesh.svid(key: authority))
        try await token(kit, rover, try mesh.svid())
    }

    @Test("a stranger's key, no kid, Ed25519, no exp, a long life and a future nbf are refused")
    func wrong() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        func later() -> JSON { .integer(kit.clock.time.seconds + 1000) }
        let svids: [() throws -> String] = [
            { try mesh.svid(key: TestKeys.stranger()) },
            { try mesh.svid(isNamed: false) },
            { try mesh.svid(key: TestKeys.key(.ed25519)) },
            { try mesh.svid(claims: ["exp": .null]) },
            { try mesh.svid(lifetime: 0) },
            { try mesh.svid(lifetime: 3661) },
            { try mesh.svid(claims: ["nbf": later()]) },
            { try mesh.svid(claims: ["iat": later()]) },
            { try mesh.svid(claims: ["sub": "spiffe://example.org/other"]) },
            { try mesh.svid(claims: ["sub": "spiffe://example.org"]) },
            { try mesh.svid(claims: ["sub": "spiffe://EXAMPLE.org/rover"]) },
            { try mesh.svid(claims: ["sub": "rover"]) },
            { "rubbish" },
        ]
        for svid in svids { await refused(kit, rover, try svid()) }
        try await token(kit, rover, try mesh.svid(lifetime: 3600))
    }

    @Test("the log says in one sentence why, with what was expected and the client that was claimed")
    func words() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        let claimed = "claimed client rover: the client assertion is not accepted: "
        let svids: [(String, String)] = [
            (try mesh.svid(lifetime: 0), claimed + "exp has passed"),
            (
                try mesh.svid(claims: ["aud": "https://other.example.com"]),
                claimed + "aud must name \(kit.issuer)"
            ),
            ("rubbish", "the JWT-SVID is not a JWT: it does not have three parts"),
        ]
        for (svid, detail) in svids {
            let refusal = await expectRefusal(.invalidClient) { try await token(kit, rover, svid) }
            #expect(refusal?.description == "the JWT-SVID was not accepted")
            #expect(refusal?.detail == detail)
        }
        kit.fetcher.put(nil, at: Mesh.bundleURL)
        kit.clock.advance(seconds: 86_400)
        let refusal = await expectRefusal(.invalidClient) { try await token(kit, rover, try mesh.svid()) }
        #expect(
            refusal?.detail == "claimed client rover: the client assertion cannot be verified: the trust domain's keys "
                + "are not available: there is no current bundle of the trust domain")
    }

    @Test("a disabled or distrusted trust domain proves nobody")
    func distrusted() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        try await token(kit, rover, try mesh.svid())
        try await kit.update(.issuer, "mesh", ["enabled": false])
        await refused(kit, rover, try mesh.svid())
        try await kit.update(.issuer, "mesh", ["enabled": true])
        try await token(kit, rover, try mesh.svid())
        try await kit.delete(.issuer, "mesh")
        await refused(kit, rover, try mesh.svid())
    }

    @Test("the assertion type decides: an SVID is no private_key_jwt, and the other way round")
    func assertionTypes() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        await expectRefusal(.invalidClient) {
            try await kit.token(rover.with(.none), with: Cluster.proof(try mesh.svid()))
        }
        let assertion = try ClientAssertion(
            of: kit.signer.id, for: kit.issuer, key: TestKeys.key(.es256), at: kit.clock.time
        ).compact()
        await expectRefusal(.invalidClient) {
            try await kit.token(kit.signer.with(.none), with: Mesh.proof(assertion))
        }
    }

    @Test("beside another method it is one method too many")
    func twoMethods() async throws {
        let (kit, mesh, _) = try await Mesh.start()
        await expectRefusal(.invalidRequest) {
            try await kit.token(kit.planner, with: Mesh.proof(try mesh.svid()))
        }
    }

    @Test("ATTACK forged SVIDs for a workload are tried again and again: its address is slowed down, others are not")
    func throttled() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        let forged = try mesh.svid(key: TestKeys.stranger())
        for _ in 0..<FailureThrottle.failuresPerWindow {
            await expectRefusal(.invalidClient) { try await token(kit, rover, forged) }
        }
        await expectRefusal(.slowDown) { try await token(kit, rover, try mesh.svid()) }
        let form = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)])
        var honest = form
        honest.add(Mesh.proof(try mesh.svid()))
        _ = try await kit.server.tokenEndpoint.respond(
            to: try kit.request(honest, from: rover.with(.none), peer: "192.0.2.77"))
    }

    @Test("ATTACK a stranger orders no fetch: an SVID that stands for nobody is refused unread")
    func noFetch() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        await expectRefusal(.invalidClient) { try await token(kit, rover, try mesh.svid("/nobody")) }
        #expect(kit.fetcher.requests(for: Mesh.bundleURL) == 0)
    }

    @Test("an SVID is also the actor token of its client, and bounds the life of the result")
    func actor() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        try await kit.delegate(to: rover, scopes: "calendar.read")
        let svid = try mesh.svid(lifetime: 40)
        var more = Mesh.proof(try mesh.svid())
        more["actor_token"] = svid
        more["actor_token_type"] = TokenType.jwt.rawValue
        let response = try await kit.act(by: rover.with(.none), with: more)
        #expect(response.expiresIn == 40)
        #expect(response.token.identity.actors?.actors.map(\.clientID) == [rover.id])
        more["actor_token"] = try mesh.svid("/other")
        await expectRefusal(.invalidRequest) { try await kit.act(by: rover.with(.none), with: more) }
    }

    @Test("an actor token alone does not authenticate a client of spiffe_jwt; one mapped with --workload it does")
    func actorAlone() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        try await kit.delegate(to: rover, scopes: "calendar.read")
        let more = ["actor_token": try mesh.svid(), "actor_token_type": TokenType.jwt.rawValue]
        await expectRefusal(.invalidClient) { try await kit.act(by: rover.with(.none), with: more) }
        let workload: JSON = .object(["issuer": "mesh", "subject": "spiffe://example.org/rover"])
        try await kit.update(
            .client, "rover", ["auth": "workload", "spiffe_id": .null, "workloads": [workload]])
        try await kit.act(by: rover.with(.none), with: more)
    }

    @Test("a workload of a trust domain is no user: its SVID cannot be the subject of an exchange")
    func subject() async throws {
        let (kit, mesh, rover) = try await Mesh.start()
        await expectRefusal(.invalidRequest) {
            try await kit.exchange(
                try mesh.svid(), by: rover.with(.none), type: .jwt, with: Mesh.proof(try mesh.svid()))
        }
    }
}
