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

    @Test("a bound token of the client's own needs its proof as actor token too")
    func ownActor() async throws {
        let (kit, _, key) = try await started()
        let subject = try kit.corp.token("alice", audience: kit.issuer)
        let actor = [
            "actor_token": try await kit.boundToken(kit.planner, key: key).accessToken,
            "actor_token_type": TokenType.accessToken.rawValue,
        ]
        let refusal = await expectRefusal(.invalidDPoPProof) {
            try await kit.exchange(subject, by: kit.planner, for: World.tools, type: .idToken, with: actor)
        }
        #expect(refusal?.rule == "possession_kept")
        await expectRefusal(.invalidDPoPProof) {
            try await kit.boundExchange(
                subject, by: kit.planner, for: World.tools, type: .idToken, key: try TestKeys.stranger(), with: actor)
        }
        let good = try await kit.boundExchange(
            subject, by: kit.planner, for: World.tools, type: .idToken, key: key, with: actor)
        #expect(good.token.confirmation?.keyThumbprint == key.publicKey.thumbprint)
    }

    @Test("and one that is bound to a certificate needs that; the new token is bound to it")
    func certifiedActor() async throws {
        let (kit, _, _) = try await started()
        let certificate = try await kit.judged(TestCertificate.selfSigned(.init("planner")))
        let other = try await kit.judged(TestCertificate.selfSigned(.init("planner")))
        try await kit.update(.client, "planner", ["certificate_bound": true])
        let actor = try await kit.token(kit.planner, showing: certificate).accessToken
        try await kit.update(.client, "planner", ["certificate_bound": false])
        let subject = try kit.corp.token("alice", audience: kit.issuer)
        let form = Form([
            ("grant_type", GrantType.tokenExchange.rawValue), ("resource", World.tools.text),
            ("subject_token", subject), ("subject_token_type", TokenType.idToken.rawValue),
            ("actor_token", actor), ("actor_token_type", TokenType.accessToken.rawValue),
        ])
        for shown in [nil, other] {
            let refusal = await expectRefusal(.invalidRequest) {
                try await kit.server.tokenEndpoint.respond(
                    to: try kit.request(form, from: kit.planner).with(Presented(certificate: shown)))
            }
            #expect(refusal?.rule == "possession_kept")
        }
        let good = try await kit.server.tokenEndpoint.respond(
            to: try kit.request(form, from: kit.planner).with(Presented(certificate: certificate)))
        #expect(good.token.confirmation == Confirmation(certificateThumbprint: certificate.thumbprint))
    }

    @Test("what was issued before bound tokens were demanded is exchanged by nobody")
    func demanded() async throws {
        let (kit, token, key) = try await started()
        let plain = try await kit.act(by: kit.planner, at: World.tools).accessToken
        try await kit.update(.client, "planner", ["dpop_bound": true])
        let refusal = await expectRefusal(.invalidRequest) {
            try await kit.boundExchange(plain, by: kit.planner, for: World.tools, key: key)
        }
        #expect(refusal?.rule == "subject_token")
        await expectRefusal(.invalidRequest) { try await kit.exchange(plain, by: kit.worker, for: World.orders) }
        _ = try await kit.boundExchange(token, by: kit.planner, for: World.tools, key: key)
    }

    @Test("a DPoP proof is no subject token (TX-45)")
    func proofAsToken() async throws {
        let (kit, _, key) = try await started()
        let proof = try ProofOfPossession("POST", kit.tokenURL, key: key, at: kit.clock.time).compact()
        await expectRefusal(.invalidRequest) { try await kit.exchange(proof, by: kit.planner) }
        #expect(try await kit.introspect(proof, by: kit.auditor) == ["active": false])
    }
}
