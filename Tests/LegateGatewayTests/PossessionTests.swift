import Crypto
import JOSE
import Testing

@testable import LegateGateway

@Suite("Who may use a token that is bound")
struct PossessionTests {
    let time = TestTime()
    let signer: Signer
    let prover: Prover

    init() throws {
        signer = try Signer()
        prover = try Prover()
    }

    /// A gateway that has been there for a while: by now it needs no nonces.
    private func judge(
        publicURL: String? = Prover.publicURL, age: Duration = .seconds(121),
        _ change: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> TokenJudge {
        var configuration = GatewayConfiguration(
            issuer: Signer.issuer, resources: [Signer.resource],
            credentials: GatewayCredentials(clientID: "edge", secret: "s"))
        configuration.clock = time.clock
        configuration.publicURL = publicURL
        change(&configuration)
        let judge = TokenJudge(try GatewaySettings(configuration))
        time.pass(age)
        judge.keys.take(signer.set, maximumAge: nil)
        judge.freshness.prove(time.seconds)
        return judge
    }

    private func token(boundTo thumbprint: String? = nil, certificate: String? = nil) throws -> String {
        try signer.token(at: time.seconds) { claims in
            var confirmation: JSONObject = [:]
            if let thumbprint { confirmation["jkt"] = .string(thumbprint) }
            if let certificate { confirmation["x5t#S256"] = .string(certificate) }
            if !confirmation.isEmpty { claims["cnf"] = .object(confirmation) }
        }
    }

    private func call(
        _ token: String, _ proofs: String..., method: String = "GET", target: String = "/orders",
        scheme: String = "DPoP", certificate: [UInt8]? = nil
    ) -> GatewayCall {
        GatewayCall(
            method: method, target: target, authorization: ["\(scheme) \(token)"], proofs: proofs,
            certificate: certificate)
    }

    private func refusal(_ judge: TokenJudge, _ call: GatewayCall) -> RefusedToken? {
        do throws(RefusedToken) {
            _ = try judge.verify(call)
            return nil
        } catch {
            return error
        }
    }

    private func isBadProof(_ refusal: RefusedToken?) -> Bool {
        if case .invalidProof = refusal { true } else { false }
    }

    private static let certificate: [UInt8] = Array("a certificate".utf8)
    private static let certificateThumbprint = Base64URL.encode(Array(SHA256.hash(data: certificate)))

    @Test("DP-34: a bound token gets in with a proof of its key, whatever the case of the scheme")
    func good() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        for scheme in ["DPoP", "dpop", "DPOP"] {
            let verified = try judge.verify(call(token, try prover.proof(token, at: time.seconds), scheme: scheme))
            #expect(verified.confirmation?.keyThumbprint == prover.thumbprint)
            #expect(verified.confirmation?.certificateThumbprint == nil)
        }
    }

    @Test("each algorithm for proofs is taken, RS256 is not", arguments: SignatureAlgorithm.allCases)
    func algorithms(algorithm: SignatureAlgorithm) throws {
        let judge = try judge()
        let prover = try Prover(algorithm)
        let token = try token(boundTo: prover.thumbprint)
        let found = refusal(judge, call(token, try prover.proof(token, at: time.seconds)))
        #expect(algorithm == .rs256 ? isBadProof(found) : found == nil)
    }

    @Test("DP-36: a stolen token without its proof is worth nothing")
    func asBearer() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        #expect(refusal(judge, call(token, scheme: "Bearer")) == .bound)
        #expect(refusal(judge, call(token, try prover.proof(token, at: time.seconds), scheme: "Bearer")) == .bound)
        #expect(throws: RefusedToken.bound) { try judge.verify(token) }
        #expect(isBadProof(refusal(judge, call(token))))
    }

    @Test("DP-37: a token that is bound to nothing is no good under the scheme DPoP")
    func unboundUnderDPoP() throws {
        let judge = try judge()
        let token = try token()
        #expect(refusal(judge, call(token, try prover.proof(token, at: time.seconds))) == .unbound)
        #expect(refusal(judge, call(token, scheme: "Bearer")) == nil)
    }

    @Test("DP-38: two Authorization headers are refused, whatever they say")
    func twoAuthorizations() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        var call = call(token, try prover.proof(token, at: time.seconds))
        call.authorization.append("Bearer \(token)")
        #expect(refusal(judge, call) == .invalid("The call has more than one Authorization header."))
        call.authorization = []
        #expect(refusal(judge, call) == .missing)
    }

    @Test("DP-05: two proofs are refused, in two headers or in one")
    func twoProofs() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        let (first, second) = (try prover.proof(token, at: time.seconds), try prover.proof(token, at: time.seconds))
        #expect(isBadProof(refusal(judge, call(token, first, second))))
        #expect(isBadProof(refusal(judge, call(token, first + "," + second))))
        let unbound = try self.token()
        #expect(isBadProof(refusal(judge, call(unbound, first, second, scheme: "Bearer"))))
        #expect(refusal(judge, call(token, first)) == nil)
    }

    @Test("a proof is for one method, one URL, one token, one minute and one key")
    func otherCall() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        let other = try self.token(boundTo: prover.thumbprint)
        let (now, base) = (time.seconds, Prover.publicURL)
        let thief = try Prover()
        for proof in [
            try prover.proof(token, at: now, method: "POST"), try prover.proof(token, at: now, method: "get"),
            try prover.proof(token, at: now, url: base + "/orders/1"),
            try prover.proof(token, at: now, url: base + "/Orders"),
            try prover.proof(token, at: now, url: "http://orders.example.com/orders"),
            try prover.proof(token, at: now, url: "https://evil.example/orders"),
            try prover.proof(token, at: now, url: "/orders"), try prover.proof(other + "x", at: now),
            try prover.proof(token, at: now - 61), try prover.proof(token, at: now + 61),
            try thief.proof(token, at: now), "garbage", "",
        ] {
            #expect(isBadProof(refusal(judge, call(token, proof))), "\(proof)")
        }
        for proof in [
            try prover.proof(token, at: now - 60), try prover.proof(token, at: now + 60),
            try prover.proof(token, at: now, url: "HTTPS://ORDERS.example.com:443/%6Frders?a=b#c"),
        ] {
            #expect(refusal(judge, call(token, proof)) == nil)
        }
    }

    @Test("what a proof must be is checked: its type, its key, its signature, each of its claims")
    func malformed() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        func good() -> JSONObject { prover.claims(token, at: time.seconds, id: "\(UInt64.random(in: 0 ... .max))") }
        for name in ["jti", "htm", "htu", "iat", "ath"] {
            var claims = good()
            claims[name] = nil
            #expect(isBadProof(refusal(judge, call(token, try prover.sign(claims)))), "without \(name)")
            claims[name] = .array([])
            #expect(isBadProof(refusal(judge, call(token, try prover.sign(claims)))), "\(name) is a list")
        }
        let changes: [(inout JSONObject) -> Void] = [
            { $0["typ"] = "JWT" }, { $0["typ"] = "at+jwt" }, { $0["typ"] = nil }, { $0["alg"] = "none" },
            { $0["alg"] = "HS256" }, { $0["alg"] = "RS256" }, { $0["jwk"] = nil },
            { [prover] header in
                var jwk = prover.jwk
                jwk["d"] = "AAAA"
                header["jwk"] = .object(jwk)
            },
        ]
        for change in changes {
            #expect(isBadProof(refusal(judge, call(token, try prover.sign(good(), header: change)))))
        }
        let forged = try Prover().sign(good()) { [prover] in $0["jwk"] = .object(prover.jwk) }
        #expect(isBadProof(refusal(judge, call(token, forged))))
    }

    @Test("DP-21: a proof is used once; one that was refused for another reason has not been used")
    func replay() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        let proof = try prover.proof(token, at: time.seconds)
        #expect(isBadProof(refusal(judge, call(token, proof, method: "POST"))))
        #expect(refusal(judge, call(token, proof)) == nil)
        #expect(refusal(judge, call(token, proof)) == .invalidProof("The proof has been used before."))
        time.pass(.seconds(5))
        judge.freshness.prove(time.seconds)
        #expect(isBadProof(refusal(judge, call(token, proof))))
    }

    @Test("a restarted gateway accepts no proof that the one before may have seen, except with a nonce")
    func restart() throws {
        let judge = try judge(age: .zero)
        let token = try token(boundTo: prover.thumbprint)
        for age: Int64 in [-60, 0, 60] {
            #expect(refusal(judge, call(token, try prover.proof(token, at: time.seconds - age))) == .nonceNeeded)
        }
        let nonce = judge.possession.nonces.current
        let proof = try prover.proof(token, at: time.seconds, nonce: nonce)
        #expect(refusal(judge, call(token, proof)) == nil)
        #expect(refusal(judge, call(token, proof)) == .invalidProof("The proof has been used before."))
        time.pass(.seconds(61))
        judge.freshness.prove(time.seconds)
        #expect(refusal(judge, call(token, try prover.proof(token, at: time.seconds))) == nil)
    }

    @Test("DP-32: one key takes a tenth of the memory, and nothing is forgotten to make room")
    func flood() throws {
        let judge = try judge { $0.maximumProofs = 20 }
        func next(_ prover: Prover) throws -> RefusedToken? {
            let token = try token(boundTo: prover.thumbprint)
            return refusal(judge, call(token, try prover.proof(token, at: time.seconds)))
        }
        for _ in 0..<2 { #expect(try next(prover) == nil) }
        #expect(try next(prover) == .tooManyProofs)
        for _ in 0..<9 {
            let other = try Prover()
            for _ in 0..<2 { #expect(try next(other) == nil) }
        }
        #expect(try next(Prover()) == .unavailable)
        #expect(judge.possession.replays.count == 20)
        time.pass(.seconds(80))
        judge.freshness.prove(time.seconds)
        #expect(try next(prover) == nil)
        #expect(judge.possession.replays.count == 1)
    }

    @Test("what the call says of its own host does not count")
    func hosts() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        let proof = try prover.proof(token, at: time.seconds, url: "https://evil.example/orders")
        #expect(isBadProof(refusal(judge, call(token, proof, target: "https://evil.example/orders"))))
        let good = try prover.proof(token, at: time.seconds)
        #expect(refusal(judge, call(token, good, target: "https://evil.example/orders?x=y")) == nil)
        #expect(isBadProof(refusal(judge, call(token, good, target: "/orders%zz"))))
    }

    @Test("the path under which the API stands belongs to its URL")
    func prefix() throws {
        let judge = try judge(publicURL: Prover.publicURL + "/v1/")
        let token = try token(boundTo: prover.thumbprint)
        let proof = try prover.proof(token, at: time.seconds, url: Prover.publicURL + "/v1/orders")
        #expect(refusal(judge, call(token, proof)) == nil)
        #expect(isBadProof(refusal(judge, call(token, try prover.proof(token, at: time.seconds)))))
    }

    @Test("without a public URL no proof can be taken")
    func noPublicURL() throws {
        let judge = try judge(publicURL: nil)
        let token = try token(boundTo: prover.thumbprint)
        #expect(refusal(judge, call(token, try prover.proof(token, at: time.seconds))) == .unprovable)
    }

    @Test("where DPoP is required, a token that is bound to nothing or to a certificate only is refused")
    func requiresDPoP() throws {
        let judge = try judge { $0.requireDPoP = true }
        #expect(refusal(judge, call(try token(), scheme: "Bearer")) == .unbound)
        #expect(throws: RefusedToken.unbound) { try judge.verify(try token()) }
        let certified = try token(certificate: Self.certificateThumbprint)
        #expect(refusal(judge, call(certified, scheme: "Bearer", certificate: Self.certificate)) == .unbound)
        let bound = try token(boundTo: prover.thumbprint)
        #expect(refusal(judge, call(bound, try prover.proof(bound, at: time.seconds))) == nil)
    }

    @Test("DP-40: where nonces are required, a proof without a good one is told to take the one of the answer")
    func nonces() throws {
        let judge = try judge { $0.requireDPoPNonce = true }
        let token = try token(boundTo: prover.thumbprint)
        #expect(refusal(judge, call(token, try prover.proof(token, at: time.seconds))) == .nonceNeeded)
        let wrong = try prover.proof(token, at: time.seconds, nonce: "made-up")
        #expect(refusal(judge, call(token, wrong)) == .nonceNeeded)
        let nonce = judge.possession.nonces.current
        let proof = try prover.proof(token, at: time.seconds, nonce: nonce)
        #expect(refusal(judge, call(token, proof)) == nil)
        #expect(refusal(judge, call(token, proof)) == .invalidProof("The proof has been used before."))
        time.pass(.seconds(120))
        judge.freshness.prove(time.seconds)
        let late = try prover.proof(token, at: time.seconds, nonce: nonce)
        #expect(refusal(judge, call(token, late)) == .nonceNeeded)
    }

    @Test("a nonce that is not current counts as none where none is required: right after the start it does not help")
    func wrongNonce() throws {
        let judge = try judge(age: .zero)
        let token = try token(boundTo: prover.thumbprint)
        let old = judge.possession.nonces.current
        let early = try prover.proof(token, at: time.seconds, nonce: "made-up")
        #expect(refusal(judge, call(token, early)) == .nonceNeeded)
        #expect(judge.possession.replays.count == 0)
        time.pass(.seconds(120))
        judge.freshness.prove(time.seconds)
        for nonce in [old, "made-up", judge.possession.nonces.current, nil] {
            let proof = try prover.proof(token, at: time.seconds, nonce: nonce)
            #expect(refusal(judge, call(token, proof)) == nil)
            #expect(refusal(judge, call(token, proof)) == .invalidProof("The proof has been used before."))
        }
    }

    @Test("the answer brings the next nonce to whoever uses nonces, and to nobody else")
    func nextNonce() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        time.pass(.seconds(120))
        judge.freshness.prove(time.seconds)
        let current = judge.possession.nonces.current
        for (nonce, next) in [(nil, nil), ("of another gateway", current), (current, current)] {
            let proof = try prover.proof(token, at: time.seconds, nonce: nonce)
            #expect(try judge.verify(call(token, proof)).nextNonce == next)
        }
    }

    @Test("two gateways behind one address: an agent with the nonce of the one gets in at the other")
    func sideBySide() throws {
        let judges = [try judge(), try judge()]
        let token = try token(boundTo: prover.thumbprint)
        time.pass(.seconds(120))
        for judge in judges { judge.freshness.prove(time.seconds) }
        var nonce: String? = judges[0].possession.nonces.current
        for turn in 0..<6 {
            let proof = try prover.proof(token, at: time.seconds, nonce: nonce)
            nonce = try judges[(turn + 1) % 2].verify(call(token, proof)).nextNonce
        }
        #expect(nonce == judges[0].possession.nonces.current)
    }

    @Test("DP-25: a nonce is as old as the time that went by, whatever becomes of the time of day")
    func agingOfNonces() throws {
        let nonces = try judge().possession.nonces
        let nonce = nonces.current
        time.set(by: 86_400)
        #expect(nonces.isGood(nonce) && nonces.current == nonce)
        time.passUnseen(.seconds(60))
        #expect(nonces.isGood(nonce) && nonces.current != nonce)
        time.passUnseen(.seconds(60))
        #expect(!nonces.isGood(nonce))
    }

    @Test("MTLS-08: a token that is bound to a certificate gets in with that certificate only")
    func certificates() throws {
        let judge = try judge()
        let token = try token(certificate: Self.certificateThumbprint)
        #expect(refusal(judge, call(token, scheme: "Bearer", certificate: Self.certificate)) == nil)
        #expect(refusal(judge, call(token, scheme: "Bearer")) == .bound)
        #expect(refusal(judge, call(token, scheme: "Bearer", certificate: [1, 2, 3])) == .wrongCertificate)
        #expect(refusal(judge, call(token, scheme: "Bearer", certificate: [])) == .wrongCertificate)
        let proof = try prover.proof(token, at: time.seconds)
        #expect(refusal(judge, call(token, proof, certificate: Self.certificate)) == .unbound)
    }

    @Test("a token that is bound to both needs both")
    func both() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint, certificate: Self.certificateThumbprint)
        func proof() throws -> String { try prover.proof(token, at: time.seconds) }
        #expect(refusal(judge, call(token, try proof())) == .bound)
        #expect(refusal(judge, call(token, scheme: "Bearer", certificate: Self.certificate)) == .bound)
        #expect(refusal(judge, call(token, try proof(), certificate: Self.certificate)) == nil)
    }

    @Test("where a certificate is required, a token without one is refused")
    func requiresCertificate() throws {
        let judge = try judge { $0.requireCertificate = true }
        #expect(refusal(judge, call(try token(), scheme: "Bearer", certificate: Self.certificate)) == .unbound)
        #expect(throws: RefusedToken.unbound) { try judge.verify(try token()) }
        let bound = try token(boundTo: prover.thumbprint)
        #expect(refusal(judge, call(bound, try prover.proof(bound, at: time.seconds))) == .unbound)
        let certified = try token(certificate: Self.certificateThumbprint)
        #expect(refusal(judge, call(certified, scheme: "Bearer", certificate: Self.certificate)) == nil)
    }

    @Test("a revoked or expired token is refused before anything is made of its proof")
    func dead() throws {
        let judge = try judge()
        let token = try token(boundTo: prover.thumbprint)
        let proof = try prover.proof(token, at: time.seconds)
        _ = judge.keys.revoke(signer.key.keyID)
        #expect(refusal(judge, call(token, proof)) == .unknownKey)
        #expect(judge.possession.replays.count == 0)
    }
}
