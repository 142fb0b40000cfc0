import JOSE
import OAuth
import Support
import Testing
import Vault

/// A bound token as the subject of an exchange (RFC 8693 with RFC 9449).
@Suite("Exchange of bound tokens")
struct KeyBoundExchangeTests {
    private let everything = [World.calendar, World.orders, World.tools]

    /// A token of the planner for alice at the tools, bound to the key.
    private func started() async throws -> (LegateKit, String, SigningKey) {
        let kit = try await LegateKit.start()
        kit.passFirstMinute()
        try await kit.delegate(to: kit.planner, scopes: "calendar.read orders.read tools.call", resources: everything)
        let key = try TestKeys.key(.es256)
        let token = try await kit.boundExchange(
            try kit.corp.token("alice", audience: kit.issuer), by: kit.planner, for: World.tools, type: .idToken,
            key: key
        )
        return (kit, token.accessToken, key)
    }

    @Test("the client that it was issued to has to prove the same key (TX-40)")
    func ownToken() async throws {
        let (kit, token, key) = try await started()
        await expectRefusal(.invalidDPoPProof) { try await kit.exchange(token, by: kit.planner, for: World.tools) }
        let other = try TestKeys.stranger()
        await expectRefusal(.invalidDPoPProof) {
            try await kit.boundExchange(token, by: kit.planner, for: World.tools, key: other)
        }
        let again = try await kit.boundExchange(token, by: kit.planner, for: World.tools, key: key)
        #expect(again.token.confirmation?.keyThumbprint == key.publicKey.thumbprint)
    }

    @Test("a resource that exchanges what it was sent binds the result to a key of its own (TX-41)")
    func sentToken() async throws {
        let (kit, token, _) = try await started()
        let own = try TestKeys.key(.ed25519)
        let next = try await kit.boundExchange(token, by: kit.worker, for: World.orders, key: own)
        #expect(next.token.confirmation?.keyThumbprint == own.publicKey.thumbprint)
        #expect(try JSON(parsing: next.json).object?["token_type"] == "DPoP")
    }

    @Test("a bound token never becomes one that anybody can use (HOST-72)")
    func laundering() async throws {
        let (kit, token, _) = try await started()
        let refusal = await expectRefusal(.invalidDPoPProof) {
            try await kit.exchange(token, by: kit.worker, for: World.orders)
        }
        #expect(refusal?.rule == "possession_kept")
        #expect(try await kit.lastRecord()?.event.policyEvaluation?.rule == "possession_kept")
    }

    @Test("a thief with the client's secret and the token has nothing without the key")
    func thief() async throws {
        let (kit, token, _) = try await started()
        await expectRefusal(.invalidDPoPProof) {
            try await kit.boundExchange(token, by: kit.planner, for: World.orders, key: try TestKeys.stranger())
        }
    }

    @Test("an unbound token may become a bound one")
    func binding() async throws {
        let (kit, _, key) = try await started()
        let plain = try await kit.act(by: kit.planner, at: World.tools)
        let bound = try await kit.boundExchange(plain.accessToken, by: kit.planner, for: World.tools, key: key)
        #expect(bound.token.confirmation?.keyThumbprint == key.publicKey.thumbprint)
    }

    @Test("a token that another issuer bound needs the proof too, and what it is bound to has to be understood")
    func foreign() async throws {
        let (kit, _, key) = try await started()
        let bound = try kit.corp.token(
            "alice", audience: kit.issuer, claims: ["cnf": .object(["jkt": .string(key.publicKey.thumbprint)])])
        await expectRefusal(.invalidDPoPProof) { try await kit.exchange(bound, by: kit.planner, type: .idToken) }
        _ = try await kit.boundExchange(bound, by: kit.planner, type: .idToken, key: key)
        let unknown = try kit.corp.token("alice", audience: kit.issuer, claims: ["cnf": .object(["kid": "x"])])
        await expectRefusal(.invalidRequest) {
            try await kit.boundExchange(unknown, by: kit.planner, type: .idToken, key: key)
        }
    }

    @Test("a workload's token that is bound to a key proves nothing to whoever only sees the token")
    func actor() async throws {
        let (kit, _, key) = try await started()
        let subject = try kit.corp.token("alice", audience: kit.issuer)
        let actor = try kit.corp.token(
            World.runnerSubject, audience: kit.issuer,
            claims: ["cnf": .object(["jkt": .string(key.publicKey.thumbprint)])])
        try await kit.delegate(to: kit.runner)
        await expectRefusal(.invalidClient) {
            try await kit.exchange(
                subject, by: kit.runner, type: .idToken,
                with: ["actor_token": actor, "actor_token_type": TokenType.jwt.rawValue])
        }
    }

    @Test("a DPoP proof is no subject token (TX-45)")
    func proofAsToken() async throws {
        let (kit, _, key) = try await started()
        let proof = try ProofOfPossession("POST", kit.tokenURL, key: key, at: kit.clock.time).compact()
        await expectRefusal(.invalidRequest) { try await kit.exchange(proof, by: kit.planner) }
        #expect(try await kit.introspect(proof, by: kit.auditor) == ["active": false])
    }
}
