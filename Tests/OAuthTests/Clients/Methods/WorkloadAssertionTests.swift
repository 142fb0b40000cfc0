import JOSE
import Support
import Testing
import Vault

@testable import OAuth

@Suite("A platform's token as client assertion")
struct WorkloadAssertionTests {
    @discardableResult
    private func token(
        _ kit: LegateKit, _ party: Party, _ assertion: String, with more: [String: String] = [:]
    ) async throws -> TokenResponse {
        try await kit.token(party.with(.none), with: Cluster.proof(assertion).merging(more) { $1 })
    }

    private func refused(
        _ kit: LegateKit, _ party: Party, _ assertion: String, with more: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        await expectRefusal(.invalidClient, sourceLocation: sourceLocation) {
            try await token(kit, party, assertion, with: more)
        }
        kit.clock.advance(seconds: 60)
    }

    @Test("a service account's token proves its client at any grant, and the audit record says which pod it was")
    func proves() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        let response = try await token(kit, crawler, try cluster.token())
        #expect(response.token.clientID == crawler.id)
        let reason = try #require(try await kit.lastRecord()).event.policyEvaluation?.reason
        #expect(
            reason == "workload k8s=system:serviceaccount:jobs:runner "
                + "(namespace jobs, service account runner, pod crawler-7d9f)")
    }

    @Test("it is shown again until it is old, for so a cluster hands it out")
    func again() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        let assertion = try cluster.token()
        for _ in 0..<3 { try await token(kit, crawler, assertion) }
    }

    @Test("it is also an actor token, alone or beside another proof")
    func actor() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        try await kit.delegate(to: crawler, scopes: "calendar.read")
        let more = ["actor_token": try cluster.token(lifetime: 50), "actor_token_type": TokenType.jwt.rawValue]
        let response = try await kit.act(by: crawler.with(.none), with: more)
        #expect(response.expiresIn == 50)
        let reason = try #require(try await kit.lastRecord()).event.policyEvaluation?.reason
        #expect(reason?.contains("pod crawler-7d9f") == true)
        try await kit.act(by: crawler.with(.none), with: Cluster.proof(try cluster.token()))
    }

    @Test("ATTACK a token that the cluster made for somebody else, or for somebody else too")
    func audience() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        let wrong: [JSON] = [
            "https://kubernetes.default.svc.cluster.local", ["https://vault.example.com"], .null,
            [.string(kit.issuer.text), "https://vault.example.com"],
        ]
        for audience in wrong { await refused(kit, crawler, try cluster.token(claims: ["aud": audience])) }
    }

    @Test("agreed audiences are the ones that count")
    func agreedAudience() async throws {
        let (kit, cluster, crawler) = try await Cluster.start(["audiences": ["legate"]])
        try await token(kit, crawler, try cluster.token(claims: ["aud": ["legate"]]))
        await refused(kit, crawler, try cluster.token())
    }

    @Test("ATTACK a subject that stands for another client, or for nobody, names a client_id")
    func otherClient() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        await refused(kit, crawler, try cluster.token(), with: ["client_id": "planner"])
        await refused(kit, crawler, try cluster.token(account: "other"), with: ["client_id": "crawler"])
        await refused(kit, crawler, try cluster.token(namespace: "kube-system"), with: ["client_id": "crawler"])
        try await token(kit, crawler, try cluster.token(), with: ["client_id": "crawler"])
    }

    @Test("ATTACK kubernetes.io and sub disagree, or the claim of a bound token is missing")
    func claims() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        let wrong: [JSON] = [
            .null, "jobs", .object([:]),
            .object(["namespace": "kube-system", "serviceaccount": .object(["name": "runner"])]),
            .object(["namespace": "jobs", "serviceaccount": .object(["name": "other"])]),
            .object(["namespace": "jobs:runner", "serviceaccount": .object(["name": "x"])]),
            .object(["namespace": "jobs", "serviceaccount": .object(["name": "runner"]), "pod": "crawler"]),
        ]
        for claim in wrong { await refused(kit, crawler, try cluster.token(bound: claim)) }
        await refused(kit, crawler, try cluster.token(claims: ["kubernetes.io": .null]))
        let unbound: JSON = .object(["namespace": "jobs", "serviceaccount": .object(["name": "runner"])])
        try await token(kit, crawler, try cluster.token(bound: unbound))
        let reason = try #require(try await kit.lastRecord()).event.policyEvaluation?.reason
        #expect(reason?.hasSuffix("no pod)") == true)
    }

    @Test("the log says in one sentence why, and which client was claimed")
    func words() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        let other: JSON = .object(["namespace": "jobs", "serviceaccount": .object(["name": "other"])])
        let tokens: [(String, String)] = [
            (try cluster.token(bound: other), "kubernetes.io must name the service account that sub names"),
            (try cluster.token(lifetime: 0), "exp has passed"),
            (try cluster.token(claims: ["aud": "https://other.example.com"]), "aud must name \(kit.issuer)"),
        ]
        for (assertion, reason) in tokens {
            let refusal = await expectRefusal(.invalidClient) { try await token(kit, crawler, assertion) }
            #expect(refusal?.description == "the client assertion was not accepted")
            #expect(
                refusal?.detail == "claimed client crawler: the client assertion is not accepted: \(reason)")
        }
        let forged = try cluster.token(key: TestKeys.stranger())
        let refusal = await expectRefusal(.invalidClient) { try await token(kit, crawler, forged) }
        #expect(
            refusal?.detail == "claimed client crawler: the client assertion cannot be verified: its key is not known")
    }

    @Test("a token that lives longer than a day, or for ever, is refused; the operator may allow less")
    func life() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        await refused(kit, crawler, try cluster.token(lifetime: 86_400 + 61))
        await refused(kit, crawler, try cluster.token(claims: ["exp": .null]))
        await refused(kit, crawler, try cluster.token(lifetime: 0))
        try await token(kit, crawler, try cluster.token(lifetime: 86_400))
        try await kit.update(.issuer, "k8s", ["max_token_life": 600])
        await refused(kit, crawler, try cluster.token())
        try await token(kit, crawler, try cluster.token(lifetime: 600))
    }

    @Test("a stranger's key, another issuer and a disabled cluster prove nobody")
    func wrong() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        await refused(kit, crawler, try cluster.token(key: TestKeys.stranger()))
        await refused(kit, crawler, try cluster.token(claims: ["iss": "https://other.example.com"]))
        let corp: JSONObject = ["iss": .string(kit.corp.url.text), "sub": "system:serviceaccount:jobs:crawler"]
        await refused(kit, crawler, try cluster.token(claims: corp))
        try await kit.update(.issuer, "k8s", ["enabled": false])
        await refused(kit, crawler, try cluster.token())
    }

    @Test("a client with another method is not authenticated by it")
    func otherMethod() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        try await kit.update(.client, "crawler", ["auth": "client_secret_basic"])
        await refused(kit, crawler, try cluster.token())
    }

    @Test("an identity provider's token counts once: its jti is spent")
    func singleUse() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.client, "runner", ["grants": ["client_credentials", "token_exchange"]])
        let once = try kit.corp.token(World.runnerSubject, audience: kit.issuer)
        try await token(kit, kit.runner, once)
        await refused(kit, kit.runner, once)
        await refused(
            kit, kit.runner, try kit.corp.token(World.runnerSubject, audience: kit.issuer, claims: ["jti": .null]))
        try await kit.update(.issuer, "corp", ["single_use": false])
        let many = try kit.corp.token(World.runnerSubject, audience: kit.issuer)
        for _ in 0..<2 { try await token(kit, kit.runner, many) }
    }

    @Test("ATTACK a subject whose letters are put together otherwise is somebody else")
    func bytes() async throws {
        let kit = try await LegateKit.start()
        let workload: JSON = .object(["issuer": "corp", "subject": "caf\u{e9}"])
        try await kit.update(
            .client, "runner", ["grants": ["client_credentials"], "workloads": [workload]])
        try await token(kit, kit.runner, try kit.corp.token("caf\u{e9}", audience: kit.issuer))
        await refused(kit, kit.runner, try kit.corp.token("cafe\u{301}", audience: kit.issuer))
    }

    @Test("keys in a file of the server's own are read again when they change")
    func file() async throws {
        let (kit, cluster, crawler) = try await Cluster.start(["jwks": .null, "jwks_file": "k8s.json"])
        kit.fetcher.put(TestKeys.jwks(try TestKeys.key(.es256)), at: "file:k8s.json")
        try await token(kit, crawler, try cluster.token())
        let new = try TestKeys.stranger()
        kit.fetcher.put(TestKeys.jwks(new), at: "file:k8s.json")
        kit.clock.advance(seconds: 30)
        try await token(kit, crawler, try cluster.token(key: new))
        await refused(kit, crawler, try cluster.token())
    }

    @Test("a refused request spends no assertion")
    func refusedSpendsNothing() async throws {
        let kit = try await LegateKit.start()
        try await kit.update(.client, "runner", ["grants": ["client_credentials", "token_exchange"]])
        let assertion = try kit.corp.token(World.runnerSubject, audience: kit.issuer)
        await expectRefusal(.invalidScope) {
            try await kit.token(kit.runner, scope: "calendar.write", with: Cluster.proof(assertion))
        }
        try await token(kit, kit.runner, assertion)
    }

    @Test("ATTACK platform tokens are guessed at token exchange: the address is slowed down for that client only")
    func throttledActorToken() async throws {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.runner, scopes: "calendar.read")
        let forged = [
            "actor_token": try kit.corp.token(World.runnerSubject, audience: kit.issuer, key: TestKeys.stranger()),
            "actor_token_type": TokenType.jwt.rawValue,
        ]
        for _ in 0..<FailureThrottle.failuresPerWindow {
            await expectRefusal(.invalidClient) { try await kit.act(by: kit.runner, with: forged) }
        }
        let refusal = await expectRefusal(.slowDown) { try await kit.act(by: kit.runner, with: forged) }
        #expect((refusal?.retryAfter ?? 0) > 0)
        kit.clock.advance(seconds: 60)
        let platform = try kit.corp.token(World.runnerSubject, audience: kit.issuer)
        try await kit.act(
            by: kit.runner, with: ["actor_token": platform, "actor_token_type": TokenType.jwt.rawValue])
    }

    @Test("ATTACK a stranger orders no fetch: a token that stands for nobody is refused unread")
    func noFetch() async throws {
        let (kit, cluster, crawler) = try await Cluster.start(["jwks": .null, "jwks_uri": "https://k8s.example/jwks"])
        await expectRefusal(.invalidClient) { try await token(kit, crawler, try cluster.token(account: "nobody")) }
        let more = ["actor_token": try cluster.token(account: "nobody"), "actor_token_type": TokenType.jwt.rawValue]
        await expectRefusal(.invalidClient) { try await kit.act(by: crawler.with(.none), with: more) }
        #expect(kit.fetcher.requests(for: "https://k8s.example/jwks") == 0)
    }

    @Test("a service account is no user: its token cannot be the subject of an exchange, and it cannot delegate")
    func subject() async throws {
        let (kit, cluster, crawler) = try await Cluster.start()
        await expectRefusal(.invalidRequest) {
            try await kit.exchange(
                try cluster.token(), by: crawler.with(.none), type: .jwt, with: Cluster.proof(try cluster.token()))
        }
        let draft: JSONObject = [
            "issuer": "k8s", "client_id": "planner", "scopes": ["calendar.read"],
            "resources": [.string(World.calendar.text)],
        ]
        await expectInvalid("issuer") { try await kit.create(.rule, draft) }
        await expectInvalid("issuer") {
            try await kit.create(.delegation, draft.merging(patch: ["subject": .string(Cluster.runner)]))
        }
    }
}
