import JOSE
import OAuth
import Support
import Testing
import Vault

/// Tokens bound to a key at the token endpoint (RFC 9449 sections 5 and 6).
@Suite("Tokens bound to a key")
struct KeyBoundTokenTests {
    private func started() async throws -> (LegateKit, SigningKey) {
        let kit = try await LegateKit.start()
        kit.passFirstMinute()
        return (kit, try TestKeys.key(.es256))
    }

    @Test("a proof binds the token to its key, in the answer, the claims and introspection (DP-01, DP-02)")
    func bound() async throws {
        let (kit, _) = try await started()
        for algorithm in DPoPProof.algorithms {
            let key = try TestKeys.key(algorithm)
            let response = try await kit.boundToken(kit.planner, key: key)
            #expect(try JSON(parsing: response.json).object?["token_type"] == "DPoP")
            let confirmation = JSON.object(["jkt": .string(key.publicKey.thumbprint)])
            #expect(try UnverifiedJWT(response.accessToken).claims["cnf"] == confirmation)
            let answer = try await kit.introspect(response.accessToken, by: kit.calendarAPI)
            #expect(answer["active"] == true)
            #expect(answer["cnf"] == confirmation)
            #expect(answer["token_type"] == "DPoP")
        }
    }

    @Test("without a proof the token is anybody's, as before (DP-04)")
    func unbound() async throws {
        let (kit, _) = try await started()
        let response = try await kit.token(kit.planner)
        #expect(try JSON(parsing: response.json).object?["token_type"] == "Bearer")
        #expect(try UnverifiedJWT(response.accessToken).claims["cnf"] == nil)
        #expect(try await kit.introspect(response.accessToken, by: kit.calendarAPI)["token_type"] == "Bearer")
    }

    @Test("the record says what the token is bound to")
    func audited() async throws {
        let (kit, key) = try await started()
        try await kit.boundToken(kit.planner, key: key)
        #expect(
            try await kit.lastRecord()?.event.policyEvaluation?.reason == "bound to the key \(key.publicKey.thumbprint)"
        )
        try await kit.token(kit.planner)
        #expect(try await kit.lastRecord()?.event.policyEvaluation?.reason == nil)
    }

    @Test("a proof that is not good is refused, recorded, and no token is issued")
    func refused() async throws {
        let (kit, key) = try await started()
        let before = kit.auditCount
        let refusal = await expectRefusal(.invalidDPoPProof) {
            try await kit.boundToken(kit.planner, key: key) { $0.claims["htm"] = "GET" }
        }
        #expect(refusal?.rule == "dpop_proof")
        #expect(kit.auditCount == before + 1)
        let record = try #require(try await kit.lastRecord()?.event)
        #expect(record.name == .tokenRefused)
        #expect(record.policyEvaluation?.rule == "dpop_proof")
    }

    @Test("a proof for another URL learns which one it must name")
    func otherURL() async throws {
        let (kit, key) = try await started()
        let refusal = await expectRefusal(.invalidDPoPProof) {
            try await kit.boundToken(kit.planner, key: key) { $0.claims["htu"] = "https://auth.example.com/other" }
        }
        #expect(
            refusal?.description == "htu of the DPoP proof must be the URL of the request, without query and fragment: "
                + kit.tokenURL)
    }

    @Test("two proofs are refused (DP-05)")
    func two() async throws {
        let (kit, key) = try await started()
        let form = Form([("grant_type", "client_credentials"), ("resource", World.calendar.text)])
        let bare = try kit.request(form, from: kit.planner)
        let proofs = try (0..<2).map { _ in
            try ProofOfPossession("POST", kit.tokenURL, key: key, at: kit.clock.time).compact()
        }
        for values in [proofs, [proofs.joined(separator: ", ")]] {
            await expectRefusal(.invalidDPoPProof) {
                try await kit.server.tokenEndpoint.respond(
                    to: ClientRequest(
                        authorization: bare.authorization, parameters: bare.parameters, context: bare.context,
                        presented: Presented(proofs: values, method: "POST", url: kit.tokenURL)
                    )
                )
            }
        }
    }

    @Test("a proof is used once (DP-21)")
    func replay() async throws {
        let (kit, key) = try await started()
        let jti = JSON.string("once")
        try await kit.boundToken(kit.planner, key: key) { $0.claims["jti"] = jti }
        let refusal = await expectRefusal(.invalidDPoPProof) {
            try await kit.boundToken(kit.planner, key: key) { $0.claims["jti"] = jti }
        }
        #expect(refusal?.rule == "dpop_replay")
    }

    @Test("a stranger's proof is not looked at, and leaves nothing behind")
    func stranger() async throws {
        let (kit, key) = try await started()
        let remembered = kit.server.possession.rememberedProofs
        await expectRefusal(.invalidClient) {
            try await kit.boundToken(kit.planner.with(.basic("wrong")), key: key)
        }
        await expectRefusal(.invalidClient) {
            try await kit.boundToken(kit.planner.with(.basic("wrong")), key: key) { $0.claims["htm"] = "GET" }
        }
        #expect(kit.server.possession.rememberedProofs == remembered)
    }

    @Test("a client that is registered for it gets no token without a proof")
    func demandedByClient() async throws {
        let (kit, key) = try await started()
        try await kit.update(.client, "planner", ["dpop_bound": true])
        let refusal = await expectRefusal(.invalidDPoPProof) { try await kit.token(kit.planner) }
        #expect(refusal?.rule == "possession_kept")
        try await kit.boundToken(kit.planner, key: key)
        #expect(try await kit.restarted().server.registry.client(kit.planner.id)?.dpopBound == true)
    }

    @Test("for a resource that demands it there is no token without a proof")
    func demandedByResource() async throws {
        let (kit, key) = try await started()
        try await kit.update(.resource, "calendar", ["require_dpop": true, "dpop_nonce": true])
        await expectRefusal(.invalidDPoPProof) { try await kit.token(kit.planner) }
        try await kit.boundToken(kit.planner, key: key)
        _ = try await kit.token(kit.planner, for: World.orders)
        let again = try await kit.restarted().server.registry.resource(named: "calendar")
        #expect(again?.requireDPoP == true)
        #expect(again?.dpopNonce == true)
    }

    @Test("a third party's API takes no tokens of Legate: it cannot demand bound ones")
    func thirdParty() async throws {
        let (kit, _) = try await started()
        await expectInvalid("require_dpop") {
            try await kit.update(.resource, "calendar", ["kind": "third-party", "require_dpop": true])
        }
    }

    @Test("in the first minute a proof without a nonce may be a replay from before the start (DP-22, DP-24)")
    func firstMinute() async throws {
        let kit = try await LegateKit.start()
        let key = try TestKeys.key(.es256)
        let refusal = await expectRefusal(.useDPoPNonce) { try await kit.boundToken(kit.planner, key: key) }
        let nonce = try #require(refusal?.nonce)
        let response = try await kit.boundToken(kit.planner, key: key) { $0.claims["nonce"] = .string(nonce) }
        #expect(response.token.confirmation?.keyThumbprint == key.publicKey.thumbprint)
        await expectRefusal(.useDPoPNonce) {
            try await kit.boundToken(kit.planner, key: key) { $0.claims["nonce"] = "made-up" }
        }
    }

    @Test("a proof that was used before a restart is not good after it")
    func restart() async throws {
        let (kit, key) = try await started()
        let jti = JSON.string("before")
        let issuedAt = JSON.integer(kit.clock.time.seconds + 50)
        try await kit.boundToken(kit.planner, key: key) {
            $0.claims["jti"] = jti
            $0.claims["iat"] = issuedAt
        }
        let again = try await kit.restarted()
        for _ in 0..<3 {
            await expectRefusal(.useDPoPNonce) {
                try await again.boundToken(kit.planner, key: key) {
                    $0.claims["jti"] = jti
                    $0.claims["iat"] = issuedAt
                }
            }
            again.clock.advance(seconds: 30)
        }
    }
}
