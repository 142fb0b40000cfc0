import JOSE
import OAuth
import Support
import Testing
import Vault

/// Bound tokens at forward authentication: which call a proof is for, and whose word counts for that.
@Suite("Forward authentication of bound tokens")
struct KeyBoundCheckTests {
    private static let url = "https://calendar.example.com/api/events"
    private static let call = ForwardedTarget(methods: ["POST"], targets: ["/api/events?q=1"])

    /// Who uses which token, and how.
    private struct Use {
        let kit: LegateKit
        let token: String
        let key: SigningKey

        /// A question of a gateway about a call.
        func check(
            scheme: String = "DPoP", method: String = "POST", url: String = KeyBoundCheckTests.url,
            forwarded: ForwardedTarget = KeyBoundCheckTests.call, asking method2: String = "GET",
            byGateway: Bool = true,
            _ adjust: (inout ProofOfPossession) -> Void = { _ in }
        ) async throws -> CheckPass {
            var proof = ProofOfPossession(method, url, key: key, at: kit.clock.time, accessToken: token)
            adjust(&proof)
            return try await ask(
                "\(scheme) \(token)", [try proof.compact()], forwarded, asking: method2, byGateway: byGateway)
        }

        func ask(
            _ header: String, _ proofs: [String], _ forwarded: ForwardedTarget = KeyBoundCheckTests.call,
            asking method: String = "GET", byGateway: Bool = true
        ) async throws -> CheckPass {
            try await kit.server.checkEndpoint.answer(
                CheckRequest(
                    credentials: BearerCredentials(header),
                    gatewayAuthorization: byGateway ? Form.basic(kit.gateway.id.text, kit.gateway.secret ?? "") : nil,
                    parameters: try Form([("resource", "calendar")]).parameters(),
                    context: RequestContext(requestID: "r", traceID: nil, endpoint: "GET /", peer: "192.0.2.7"),
                    presented: Presented(proofs: proofs, method: method), forwarded: forwarded
                )
            )
        }
    }

    private func started() async throws -> Use {
        let kit = try await LegateKit.start()
        kit.passFirstMinute()
        let key = try TestKeys.key(.es256)
        return Use(kit: kit, token: try await kit.boundToken(kit.planner, key: key).accessToken, key: key)
    }

    private func refusal(_ body: () async throws -> CheckPass) async -> OAuthError? {
        do {
            _ = try await body()
            Issue.record("the call passed")
            return nil
        } catch let refusal as CheckRefusal {
            return refusal.error
        } catch {
            Issue.record("failed in another way: \(error)")
            return nil
        }
    }

    @Test("a proof for the call that the gateway forwards passes, and the record says that it was asked for (DP-34)")
    func passes() async throws {
        let use = try await started()
        let pass = try await use.check()
        #expect(pass.token.confirmation != nil)
        let record = try #require(try await use.kit.lastRecord()?.event)
        #expect(record.policyEvaluation?.reason == "bound to the key \(use.key.publicKey.thumbprint)")
    }

    @Test(
        "a proof for another call is refused (HOST: the header of an agent that has one proof and wants another call)")
    func otherCall() async throws {
        let use = try await started()
        for (method, url) in [
            ("GET", Self.url), ("POST", "https://calendar.example.com/api"),
            ("POST", "https://calendar.example.com/api/events/1"), ("POST", "https://orders.example.com/api/events"),
            ("POST", "http://calendar.example.com/api/events"),
        ] {
            let refusal = await refusal { try await use.check(method: method, url: url) }
            #expect(refusal?.code == .invalidDPoPProof)
            #expect(refusal?.rule == "dpop_proof")
        }
        let other = await refusal { try await use.check(url: "https://calendar.example.com/api") }
        #expect(other?.description.hasSuffix("without query and fragment: \(Self.url)") == true)
    }

    @Test("scheme and host are those of the resource, whatever is forwarded")
    func origin() async throws {
        let use = try await started()
        let lying = ForwardedTarget(methods: ["POST"], targets: ["https://evil.example.com/api/events"])
        _ = try await use.check(forwarded: lying)
        let refusal = await refusal {
            try await use.check(url: "https://evil.example.com/api/events", forwarded: lying)
        }
        #expect(refusal?.code == .invalidDPoPProof)
    }

    @Test(
        "of a gateway that did not prove itself nothing is believed: only a call of the resource's own URI can be proved"
    )
    func unknownGateway() async throws {
        let use = try await started()
        let forwarded = await refusal { try await use.check(asking: "POST", byGateway: false) }
        #expect(forwarded?.code == .invalidDPoPProof)
        #expect(
            forwarded?.description
                == "htu of the DPoP proof must be the URI of the resource, for the gateway sent no credentials: "
                + World.calendar.text)
        let method = await refusal { try await use.check(byGateway: false) }
        #expect(
            method?.description
                == "htm of the DPoP proof must be the method of the gateway's question, for the gateway sent no "
                + "credentials: GET")
        _ = try await use.check(url: World.calendar.text, asking: "POST", byGateway: false)
    }

    @Test("a gateway that lets the agent's own headers through is told so, and nothing passes")
    func disagreement() async throws {
        let use = try await started()
        for forwarded in [
            ForwardedTarget(methods: ["GET", "POST"], targets: ["/api/events"]),
            ForwardedTarget(methods: ["POST"], targets: ["/api/events", "/api/other"]),
            ForwardedTarget(methods: ["POST"], targets: ["events"]),
        ] {
            let refusal = await refusal { try await use.check(forwarded: forwarded) }
            #expect(refusal?.code == .invalidRequest)
            #expect(refusal?.rule == "forwarded_target")
        }
        _ = try await use.check(
            forwarded: ForwardedTarget(methods: ["POST", "POST"], targets: ["/api/events", "/api/events?x"]))
    }

    @Test("without forwarded headers the call is the question itself, at the resource's URI")
    func nothingForwarded() async throws {
        let use = try await started()
        _ = try await use.check(
            method: "PUT", url: World.calendar.text, forwarded: .nothing, asking: "PUT")
    }

    @Test("a bound token as Bearer is refused, proof or not (DP-36)")
    func asBearer() async throws {
        let use = try await started()
        for refusal in [
            await refusal { try await use.check(scheme: "Bearer") },
            await refusal { try await use.ask("Bearer \(use.token)", []) },
        ] {
            #expect(refusal?.code == .invalidToken)
            #expect(refusal?.rule == "dpop_binding")
        }
    }

    @Test("a token that is not bound is refused under DPoP, with a good proof too (DP-37)")
    func unboundAsDPoP() async throws {
        let use = try await started()
        let plain = Use(kit: use.kit, token: try await use.kit.token(use.kit.planner).accessToken, key: use.key)
        let refusal = await refusal { try await plain.check() }
        #expect(refusal?.code == .invalidToken)
        #expect(refusal?.rule == "dpop_binding")
    }

    @Test("no proof, two, another key's, one for another token, one without ath: refused")
    func proofs() async throws {
        let use = try await started()
        let good = {
            try ProofOfPossession("POST", Self.url, key: use.key, at: use.kit.clock.time, accessToken: use.token)
                .compact()
        }
        let thief = Use(kit: use.kit, token: use.token, key: try TestKeys.stranger())
        let two = [try good(), try good()]
        for refusal in [
            await refusal { try await use.ask("DPoP \(use.token)", []) },
            await refusal { try await use.ask("DPoP \(use.token)", two) },
            await refusal { try await use.ask("DPoP \(use.token)", [two.joined(separator: ",")]) },
            await refusal { try await thief.check() },
            await refusal { try await use.check { $0.claims["ath"] = .string(DPoPProof.digest(of: "other")) } },
            await refusal { try await use.check { $0.claims["ath"] = nil } },
        ] {
            #expect(refusal?.code == .invalidDPoPProof)
        }
    }

    @Test("a proof is used once, at this gateway or any other (DP-21)")
    func replay() async throws {
        let use = try await started()
        let proof = try ProofOfPossession(
            "POST", Self.url, key: use.key, at: use.kit.clock.time, accessToken: use.token
        )
        .compact()
        _ = try await use.ask("DPoP \(use.token)", [proof])
        let refusal = await refusal { try await use.ask("DPoP \(use.token)", [proof]) }
        #expect(refusal?.rule == "dpop_replay")
    }

    @Test("a resource that wants nonces gets them (DP-40), and gives the next one with the answer (DP-25)")
    func nonce() async throws {
        let use = try await started()
        try await use.kit.update(.resource, "calendar", ["dpop_nonce": true])
        let refusal = await refusal { try await use.check() }
        #expect(refusal?.code == .useDPoPNonce)
        let nonce = try #require(refusal?.nonce)
        let pass = try await use.check { $0.claims["nonce"] = .string(nonce) }
        #expect(pass.nonce == nonce)
    }

    @Test("a resource or a client that demands bound tokens takes no old ones without")
    func demanded() async throws {
        let use = try await started()
        let plain = try await use.kit.token(use.kit.planner).accessToken
        _ = try await use.ask("Bearer \(plain)", [])
        try await use.kit.update(.resource, "calendar", ["require_dpop": true])
        #expect(await refusal { try await use.ask("Bearer \(plain)", []) }?.rule == "dpop_binding")
        _ = try await use.check()
        try await use.kit.update(.resource, "calendar", ["require_dpop": false])
        try await use.kit.update(.client, "planner", ["dpop_bound": true])
        #expect(await refusal { try await use.ask("Bearer \(plain)", []) }?.rule == "dpop_binding")
        _ = try await use.check()
    }

    @Test("introspection calls an old token active only when it is bound to what is demanded by now")
    func introspection() async throws {
        let use = try await started()
        let kit = use.kit
        let plain = try await kit.token(kit.planner).accessToken
        let demands: [(kind: RegistryKind, id: String, member: String, keepsBound: Bool)] = [
            (.resource, "calendar", "require_dpop", true), (.client, "planner", "dpop_bound", true),
            (.resource, "calendar", "require_certificate", false), (.client, "planner", "certificate_bound", false),
        ]
        for demand in demands {
            try await kit.update(demand.kind, demand.id, [demand.member: true])
            #expect(try await kit.introspect(plain, by: kit.calendarAPI) == ["active": false], "\(demand.member)")
            #expect(try await kit.isActive(plain) == false, "\(demand.member)")
            #expect(try await kit.isActive(use.token) == demand.keepsBound, "\(demand.member)")
            try await kit.update(demand.kind, demand.id, [demand.member: false])
            #expect(try await kit.isActive(plain), "\(demand.member)")
            #expect(try await kit.isActive(use.token), "\(demand.member)")
        }
    }

    @Test("after a restart old tokens need a nonce in their proofs, new ones do not")
    func restart() async throws {
        let use = try await started()
        let used = try ProofOfPossession("POST", Self.url, key: use.key, at: use.kit.clock.time, accessToken: use.token)
            .compact()
        _ = try await use.ask("DPoP \(use.token)", [used])
        let kit = try await use.kit.restarted()
        let again = Use(kit: kit, token: use.token, key: use.key)
        let refusal = await refusal { try await again.ask("DPoP \(use.token)", [used]) }
        #expect(refusal?.code == .useDPoPNonce)
        let nonce = try #require(refusal?.nonce)
        _ = try await again.check { $0.claims["nonce"] = .string(nonce) }
        kit.clock.advance(seconds: 1)
        let fresh = try await kit.boundToken(kit.planner, key: use.key) { $0.claims["nonce"] = .string(nonce) }
        _ = try await Use(kit: kit, token: fresh.accessToken, key: use.key).check()
    }

    @Test("a gateway's own token must not be a bound one: it has no way to prove it")
    func gatewayToken() async throws {
        let use = try await started()
        let kit = use.kit
        let own = kit.server.registry.ownResources.revocations.uri
        try await kit.update(
            .client, "gateway",
            [
                "resources": [.string(own.text), .string(World.calendar.text)], "scopes": ["revocations:read"],
            ])
        let token = try await kit.boundToken(kit.gateway, for: own, key: use.key).accessToken
        let plain = try await kit.token(kit.planner).accessToken
        for scheme in ["Bearer", "DPoP"] {
            await kit.refusedCheck(.gateway, plain, resource: "calendar", gateway: "\(scheme) \(token)")
        }
    }

    @Test("nor one from before its client had to bind its tokens")
    func oldGatewayToken() async throws {
        let kit = try await started().kit
        let own = kit.server.registry.ownResources.revocations.uri
        try await kit.update(
            .client, "gateway",
            [
                "resources": [.string(own.text), .string(World.calendar.text)], "scopes": ["revocations:read"],
            ])
        let old = try await kit.token(kit.gateway, for: own).accessToken
        let plain = try await kit.token(kit.planner).accessToken
        try await kit.check(plain, resource: "calendar", gateway: "Bearer \(old)")
        for member in ["dpop_bound", "certificate_bound"] {
            try await kit.update(.client, "gateway", [member: true])
            await kit.refusedCheck(.gateway, plain, resource: "calendar", gateway: "Bearer \(old)")
            try await kit.update(.client, "gateway", [member: false])
        }
        try await kit.check(plain, resource: "calendar", gateway: "Bearer \(old)")
    }
}
