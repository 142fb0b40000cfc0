import JOSE
import OAuth
import Support
import Testing

@Suite("workload")
struct WorkloadMethodTests {
    private func parameters(_ actor: String) -> [String: String] {
        ["actor_token": actor, "actor_token_type": TokenType.jwt.rawValue]
    }

    private func started() async throws -> LegateKit {
        let kit = try await LegateKit.start()
        try await kit.delegate(to: kit.runner, scopes: "calendar.read")
        return kit
    }

    @Test("a platform's token is proof enough at token exchange, and becomes the actor")
    func proves() async throws {
        let kit = try await started()
        let platform = try kit.corp.token(World.runnerSubject, audience: kit.issuer)
        let response = try await kit.act(by: kit.runner, with: parameters(platform))
        #expect(response.token.clientID == kit.runner.id)
        #expect(response.token.identity.subject == "corp|alice")
        #expect(response.token.identity.actors?.actors.map(\.clientID) == [kit.runner.id])
    }

    @Test("the platform's token also bounds the life of the result")
    func life() async throws {
        let kit = try await started()
        let platform = try kit.corp.token(World.runnerSubject, audience: kit.issuer, lifetime: 30)
        #expect(try await kit.act(by: kit.runner, with: parameters(platform)).expiresIn == 30)
    }

    @Test("it proves nothing at client_credentials")
    func otherGrant() async throws {
        let kit = try await started()
        let platform = try kit.corp.token(World.runnerSubject, audience: kit.issuer)
        await expectRefusal(.invalidClient) { try await kit.token(kit.runner, with: parameters(platform)) }
    }

    @Test("an unmapped subject, a stranger's signature and an expired token prove nothing")
    func wrong() async throws {
        let kit = try await started()
        let tokens = [
            try kit.corp.token("system:serviceaccount:jobs:other", audience: kit.issuer),
            try kit.corp.token(World.runnerSubject, audience: kit.issuer, key: TestKeys.stranger()),
            try kit.corp.token(World.runnerSubject, audience: kit.issuer, lifetime: 0),
            try kit.corp.token(World.runnerSubject, audience: kit.issuer, claims: ["aud": "https://other.example.com"]),
            "rubbish",
        ]
        for token in tokens {
            await expectRefusal(.invalidClient) { try await kit.act(by: kit.runner, with: parameters(token)) }
        }
    }

    @Test("the log says in one sentence why an actor token does not prove a workload, and which client it claimed")
    func words() async throws {
        let kit = try await started()
        let audience = "https://other.example.com"
        let tokens: [(String, String)] = [
            (
                try kit.corp.token(World.runnerSubject, audience: kit.issuer, lifetime: 0),
                "claimed client runner: the actor token is not accepted: exp has passed"
            ),
            (
                try kit.corp.token(World.runnerSubject, audience: kit.issuer, claims: ["aud": .string(audience)]),
                "claimed client runner: the actor token is not accepted: aud must name \(kit.issuer)"
            ),
            ("rubbish", "the actor token is not a JWT: it does not have three parts"),
        ]
        for (token, detail) in tokens {
            let refusal = await expectRefusal(.invalidClient) {
                try await kit.act(by: kit.runner, with: parameters(token))
            }
            #expect(refusal?.detail == detail)
            #expect(
                refusal?.description == "no client authentication, and the actor token does not prove a workload")
        }
    }

    @Test("a client_id beside it must be the mapped one")
    func clientID() async throws {
        let kit = try await started()
        let platform = try kit.corp.token(World.runnerSubject, audience: kit.issuer)
        var more = parameters(platform)
        more["client_id"] = "planner"
        await expectRefusal(.invalidClient) { try await kit.act(by: kit.runner, with: more) }
        more["client_id"] = "runner"
        try await kit.act(by: kit.runner, with: more)
    }

    @Test("a client with another method is not authenticated by it, only confirmed")
    func otherMethod() async throws {
        let kit = try await LegateKit.start()
        let workload: JSON = .object(["issuer": "corp", "subject": "system:planner"])
        try await kit.update(.client, "planner", ["workloads": .array([workload])])
        try await kit.delegate(to: kit.planner)
        let platform = try kit.corp.token("system:planner", audience: kit.issuer)
        await expectRefusal(.invalidClient) {
            try await kit.act(by: kit.planner.with(.none), with: parameters(platform))
        }
        try await kit.act(by: kit.planner, with: parameters(platform))
    }

    @Test("one subject stands for one client")
    func unique() async throws {
        let kit = try await LegateKit.start()
        let workload: JSON = .object(["issuer": "corp", "subject": .string(World.runnerSubject)])
        await expectInvalid("workloads") { try await kit.update(.client, "planner", ["workloads": .array([workload])]) }
    }
}
